/** What was said of tokens a moment ago; each for a while, and no more than so many. */
export class Verdicts<T> {
  private readonly known = new Map<string, { value: T; until: number }>();

  constructor(private readonly most: number) {}

  get(key: string, now: number): T | undefined {
    const entry = this.known.get(key);
    if (!entry) return undefined;
    if (entry.until > now) return entry.value;
    this.known.delete(key);
    return undefined;
  }

  delete(key: string): void {
    this.known.delete(key);
  }

  /** @param until - milliseconds since the epoch; not later than what it says is true */
  set(key: string, value: T, until: number): void {
    this.known.delete(key);
    // The oldest goes, which for entries that live equally long is the one that would expire first.
    const oldest = this.known.size >= this.most ? this.known.keys().next().value : undefined;
    if (oldest !== undefined) this.known.delete(oldest);
    this.known.set(key, { value, until });
  }
}
