import { duration } from '../../output/human.js';
import type { Check, Finding } from '../finding.js';
import { fail, ok, skip, warn } from '../finding.js';
import type { HostSettings } from '../host-settings.js';

/** Restore points are found by time, and S3 refuses requests that are 15 minutes off. Milliseconds. */
const WARN_MS = 5_000;
const FAIL_MS = 60_000;

export const clock: Check = {
  name: 'clock',
  async run({ store, apiUrl }: HostSettings) {
    const others = [
      ...(store?.kind === 's3' ? [{ name: 'the object store', url: store.endpoint }] : []),
      ...(apiUrl === null ? [] : [{ name: 'the API', url: apiUrl }]),
    ];
    if (others.length === 0) return [skip('clock', 'neither an S3 store nor an API (VARVE_URL) to compare it with')];
    return Promise.all(others.map(({ name, url }) => compare(name, url)));
  },
};

async function compare(name: string, url: string): Promise<Finding> {
  const before = Date.now();
  let date: string | null;
  try {
    // Whatever the answer is, it has a date.
    const answer = await fetch(url, { method: 'HEAD', redirect: 'manual', signal: AbortSignal.timeout(10_000) });
    await answer.body?.cancel();
    date = answer.headers.get('date');
  } catch {
    return skip('clock', `${name} does not answer, so its clock is not known`);
  }
  const there = date === null ? NaN : Date.parse(date);
  return Number.isNaN(there)
    ? skip('clock', `${name} does not tell the time`)
    : judgeClock(name, there, before, Date.now());
}

/** @param there - as in a Date header: cut down to the second */
export function judgeClock(name: string, there: number, before: number, after: number): Finding {
  const early = there - after; // how far ours may be ahead of it (below 0) …
  const late = there + 1_000 - before; // … or behind (above 0)
  if (early <= 0 && late >= 0) return ok('clock', `agrees with ${name}’s`);
  const off = early > 0 ? early : -late;
  const found = `${duration(off)} ${early > 0 ? 'behind' : 'ahead of'} ${name}’s`;
  const advice = 'Keep the clock by NTP (chrony, systemd-timesyncd): rollbacks go by time, and S3 refuses wrong ones.';
  if (off > FAIL_MS) return fail('clock', { found, advice });
  return off > WARN_MS ? warn('clock', { found, advice }) : ok('clock', found);
}
