/** Lets work on the same thing happen one after the other, in the order in which it was asked for. */
export class Turns {
  private readonly last = new Map<string, Promise<void>>();

  take<T>(thing: string, work: () => Promise<T>): Promise<T> {
    const mine = (this.last.get(thing) ?? Promise.resolve()).then(work);
    const over = ended(mine).finally(() => {
      if (this.last.get(thing) === over) this.last.delete(thing);
    });
    this.last.set(thing, over);
    return mine;
  }
}

/** Whoever asked for the work has its error; the next in turn only waits for its end. */
async function ended(work: Promise<unknown>): Promise<void> {
  await Promise.allSettled([work]);
}
