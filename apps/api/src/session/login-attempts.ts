import { Injectable } from '@nestjs/common';
import { TooManyAttemptsError } from '@varve/core';

/** Failed log-ins of one address within a minute, after which the next has to wait. A person needs fewer. */
const MOST_FAILURES = 10;
const WINDOW_MS = 60_000;
/** Addresses counted apart. Whoever has more of them than that is one. */
const MOST_CLIENTS = 10_000;
const OTHERS = 'others';

/** Slows down whoever guesses passwords. Of each API process; behind a proxy that all come through, of all together. */
@Injectable()
export class LoginAttempts {
  /** When each of them failed, or began and has not ended yet; oldest first. */
  private readonly failures = new Map<string, number[]>();

  /**
   * Counts as failed until it has succeeded: many at once are many.
   *
   * @param work - `null`: the credentials are wrong. What it throws is no guess, and is not counted
   * @throws {TooManyAttemptsError}
   */
  async bounded<T>(client: string, work: () => Promise<T | null>, now = Date.now): Promise<T | null> {
    this.forget(now());
    const who = this.failures.has(client) || this.failures.size < MOST_CLIENTS ? client : OTHERS;
    const times = this.failures.get(who) ?? [];
    const [oldest] = times;
    if (oldest !== undefined && times.length >= MOST_FAILURES) {
      throw new TooManyAttemptsError(Math.max(1, Math.ceil((oldest + WINDOW_MS - now()) / 1_000)));
    }
    const at = now();
    times.push(at);
    this.failures.set(who, times);
    let failed = false;
    try {
      const done = await work();
      failed = done === null;
      return done;
    } finally {
      const index = failed ? -1 : times.indexOf(at);
      if (index >= 0) times.splice(index, 1);
    }
  }

  private forget(now: number): void {
    for (const [client, times] of this.failures) {
      while (times[0] !== undefined && times[0] + WINDOW_MS <= now) times.shift();
      if (times.length === 0) this.failures.delete(client);
    }
  }
}
