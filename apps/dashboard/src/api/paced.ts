/** Does a thing of a name at once when it is asked for, and then not again before a while has passed, but then once more. */
export class Paced {
  private readonly waiting = new Map<string, { again: boolean; timer: ReturnType<typeof setTimeout> }>();

  constructor(
    private readonly everyMs: number,
    private readonly act: (name: string) => void,
  ) {}

  ask(name: string): void {
    const waiting = this.waiting.get(name);
    if (waiting) {
      waiting.again = true;
      return;
    }
    this.act(name);
    this.waiting.set(name, { again: false, timer: setTimeout(() => this.due(name), this.everyMs) });
  }

  clear(): void {
    for (const { timer } of this.waiting.values()) clearTimeout(timer);
    this.waiting.clear();
  }

  private due(name: string): void {
    const again = this.waiting.get(name)?.again ?? false;
    this.waiting.delete(name);
    if (again) this.ask(name);
  }
}
