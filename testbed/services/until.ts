import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Asks `condition` every `everyMs` until it gives something else than `null`, `undefined` or `false`.
 * An error that it throws counts as "not yet" and is the cause of ours at the end. `what` as a function is asked then:
 * it can say what was there instead, also after a look at it.
 *
 * @throws {Error} when `deadlineMs` have passed
 */
export async function until<T>(
  what: string | (() => string | Promise<string>),
  condition: () => Promise<T | null | undefined | false> | T | null | undefined | false,
  { deadlineMs = 30_000, everyMs = 50 }: { deadlineMs?: number; everyMs?: number } = {},
): Promise<T> {
  const end = performance.now() + deadlineMs;
  let cause: unknown;
  do {
    try {
      const answer = await condition();
      if (answer !== null && answer !== undefined && answer !== false) return answer;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    await sleep(everyMs);
  } while (performance.now() < end);
  // What can't be looked at is no reason to lose the error.
  const seen = await (async () => (typeof what === 'string' ? what : what()))().catch(String);
  throw new Error(`waited ${deadlineMs} ms in vain: ${seen}`, { cause });
}
