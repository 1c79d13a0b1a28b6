/**
 * Begins `work` on each item in their order, so many `ahead` of the one that is waited for, and gives the results in
 * the order of the items. Ending early waits for what is under way.
 */
export async function* inOrder<T, R>(
  items: Iterable<T> | AsyncIterable<T>,
  ahead: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const running: Promise<R>[] = [];
  try {
    for await (const item of items) {
      const result = work(item);
      // It may fail long before its turn; the error is thrown then.
      result.catch(() => undefined);
      running.push(result);
      const first = running.length > ahead ? running.shift() : undefined;
      if (first) yield await first;
    }
    for (let next = running.shift(); next; next = running.shift()) yield await next;
  } finally {
    await Promise.allSettled(running);
  }
}
