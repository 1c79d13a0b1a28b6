import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { locksWriteByte } from '../../disk-files/qemu-img/image-locks.js';

/** Between looks at the locks; a look costs about 0.1 ms. */
const EVERY_MS = 1;

/**
 * Times a switch from QEMU's side without its monitor: QEMU takes the lock for writing on the overlay when it opens it,
 * and gives up that on the layer written to so far when that has become read-only, which is the last thing a switch does.
 *
 * What lies between is more than the guest can have waited: libvirt's next command is on its way for most of it.
 */
export class StallWatch {
  private lastWithoutOverlay: number | null = null;
  private firstWithoutActive: number | null = null;
  private over = false;
  private readonly looking: Promise<void>;

  /** @param active @param overlay - inodes */
  constructor(
    private readonly active: string,
    private readonly overlay: string,
  ) {
    this.looking = this.look();
  }

  /** @returns milliseconds, at most; `null` when the locks did not show it */
  async end(): Promise<number | null> {
    this.over = true;
    await this.looking;
    if (this.lastWithoutOverlay === null || this.firstWithoutActive === null) return null;
    return this.firstWithoutActive - this.lastWithoutOverlay;
  }

  private async look(): Promise<void> {
    while (!this.over && this.firstWithoutActive === null) {
      const before = performance.now();
      const locks = await readFile('/proc/locks', 'utf8');
      if (!locksWriteByte(locks, this.overlay)) this.lastWithoutOverlay = before;
      else if (!locksWriteByte(locks, this.active)) this.firstWithoutActive = performance.now();
      else await delay(EVERY_MS);
      if (this.lastWithoutOverlay === before) await delay(EVERY_MS);
    }
  }
}
