import { setTimeout as sleep } from 'node:timers/promises';

/** Something that is done again and again: when it is woken, and at least every so often. */
export class Repeated {
  private readonly stopping = new AbortController();
  private wakeUp: (() => void) | null = null;
  private woken = false;
  private readonly done: Promise<void>;

  /**
   * @param work - never throws
   * @returns from `work`: whether there is more to do right now
   */
  constructor(work: () => Promise<boolean>, everyMs: number) {
    this.done = this.run(work, everyMs);
  }

  wake(): void {
    this.woken = true;
    this.wakeUp?.();
  }

  private async run(work: () => Promise<boolean>, everyMs: number): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      this.woken = false;
      if ((await work()) || this.woken) continue;
      const woken = new Promise<void>((resolve) => (this.wakeUp = resolve));
      const timer = new AbortController();
      // Ends early when woken or stopped, which is no error.
      const late = sleep(everyMs, undefined, { signal: timer.signal }).catch(() => undefined);
      await Promise.race([woken, late]);
      timer.abort();
      this.wakeUp = null;
    }
  }

  /** Waits for the work that is being done. */
  async close(): Promise<void> {
    this.stopping.abort();
    this.wake();
    await this.done;
  }
}
