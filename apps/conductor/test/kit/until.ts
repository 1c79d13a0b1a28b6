import { setTimeout as sleep } from 'node:timers/promises';

/** Waits for something that comes by itself. */
export async function until<T>(
  what: string,
  look: () => Promise<T | null | undefined | false> | T | null | undefined | false,
  deadlineMs = 60_000,
): Promise<T> {
  for (const end = Date.now() + deadlineMs; ;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited ${deadlineMs} ms in vain: ${what}`);
    await sleep(25);
  }
}
