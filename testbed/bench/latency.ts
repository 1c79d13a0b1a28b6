// The guest's worst write, slice by slice: so that any window can be looked at once it is known what happened when.
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProvingGuest } from '../guest/guest.ts';

const SLICE_MS = 100;
const SLICES_IN_WINDOW = 4;
/** By then a write that waited for the switch has been answered, and flushed. */
const SETTLE_MS = 30;

export interface Slice {
  /** `Date.now()`; of every write that ended in between it is known how long it took. */
  readonly from: number;
  readonly to: number;
  readonly maxMs: number;
}

/** The windows of 0.4 s around a moment: long before, with it, and right after. Worst write, in milliseconds. */
export interface Windows {
  readonly before: number;
  readonly with: number;
  readonly after: number;
}

export class LatencySampler {
  private readonly slices: Slice[] = [];
  private readonly guest: ProvingGuest;
  private readonly stopping = new AbortController();
  private readonly running: Promise<void>;

  /** The guest must be writing, one write after the other, each with its flush. */
  constructor(guest: ProvingGuest) {
    this.guest = guest;
    this.running = this.run();
    this.running.catch(() => undefined); // thrown by stop()
  }

  /** Long enough for a whole window. */
  async waitForWindow(): Promise<void> {
    await sleep((SLICES_IN_WINDOW + 2) * SLICE_MS);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  windowsAround(askedAt: number, switchedAt: number): Windows {
    return windowsIn(this.slices, askedAt, switchedAt);
  }

  private async run(): Promise<void> {
    await this.guest.reset();
    for (let from = Date.now(); !this.stopping.signal.aborted;) {
      await sleep(SLICE_MS);
      const to = Date.now();
      const { maxUs } = await this.guest.reset();
      this.slices.push({ from, to, maxMs: maxUs / 1000 });
      from = Date.now();
    }
  }
}

/**
 * @param askedAt - when the snapshot was asked for: what comes before is a guest left alone
 * @param switchedAt - when QEMU had switched, by the worker's account
 */
export function windowsIn(slices: readonly Slice[], askedAt: number, switchedAt: number): Windows {
  const idle = slices.findLastIndex((slice) => slice.to <= askedAt);
  const last = slices.findIndex((slice) => slice.to >= switchedAt + SETTLE_MS);
  const worstUntil = (end: number): number => {
    const window = slices.slice(Math.max(0, end - SLICES_IN_WINDOW + 1), end + 1);
    if (end < 0 || window.length < SLICES_IN_WINDOW) throw new Error('the guest was not watched for long enough');
    return Math.max(...window.map((slice) => slice.maxMs));
  };
  return { before: worstUntil(idle), with: worstUntil(last), after: worstUntil(last + SLICES_IN_WINDOW) };
}
