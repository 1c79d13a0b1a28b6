/**
 * Looks at rows that changed: all that changed meanwhile in one look, however often each did, and no two looks at once.
 * The first is looked at without delay.
 */
export class Batches {
  private readonly pending = new Set<string>();
  private running = false;
  private timer: NodeJS.Timeout | null = null;

  /**
   * @param look - must not throw
   * @param shortestMs - from the end of one look to the beginning of the next; milliseconds
   */
  constructor(
    private readonly look: (ids: readonly string[]) => Promise<void>,
    private readonly shortestMs: number,
  ) {}

  changed(id: string): void {
    this.pending.add(id);
    this.begin();
  }

  /** What has not been looked at never is. */
  stop(): void {
    this.pending.clear();
    if (this.timer) clearTimeout(this.timer);
  }

  private begin(): void {
    if (this.running || this.timer || this.pending.size === 0) return;
    const ids = [...this.pending];
    this.pending.clear();
    this.running = true;
    void this.look(ids).finally(() => {
      this.running = false;
      this.timer = setTimeout(() => {
        this.timer = null;
        this.begin();
      }, this.shortestMs);
      this.timer.unref();
    });
  }
}
