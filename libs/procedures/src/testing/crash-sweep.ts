import { expect } from 'vitest';
import type { Bench, Blow, Fate } from './bench.js';

/** What befalls a procedure at each of the points that it passes, one run for each. */
export interface Strike {
  readonly name: string;
  readonly kind: Blow['kind'];
  readonly fate: Fate;
}

/** Those that leave the most behind. */
export const COMMON_STRIKES: readonly Strike[] = [
  { name: 'the worker dies', kind: 'kill worker', fate: 'nothing' },
  {
    name: 'the host loses power, the instance is back before the worker',
    kind: 'kill worker',
    fate: 'power cut and boot',
  },
];

export const STRIKES: readonly Strike[] = [
  ...COMMON_STRIKES,
  { name: 'the worker dies, a merge in QEMU goes on to its end', kind: 'kill worker', fate: 'QEMU goes on' },
  { name: 'the host loses power', kind: 'kill worker', fate: 'power cut' },
  { name: 'the worker dies, and the store is away when it comes back', kind: 'kill worker', fate: 'store away' },
  { name: 'QEMU dies, the worker lives', kind: 'cut power', fate: 'nothing' },
];

/**
 * Runs a procedure once undisturbed to learn which points it passes, then once for each of them, on a bench of its own.
 *
 * @param act - runs the procedure, struck or not, checks what must hold afterwards, and gives the points it passed
 */
export async function sweep(
  makeBench: () => Promise<Bench>,
  { kind, fate }: Strike,
  act: (bench: Bench, blow: Blow | null, fate: Fate) => Promise<readonly string[]>,
): Promise<void> {
  const prepared = async (): Promise<Bench> => {
    const bench = await makeBench();
    bench.isHurried = false;
    return bench;
  };
  const points = await act(await prepared(), null, 'nothing');
  expect(points.length).toBeGreaterThan(10);
  const failures: string[] = [];
  for (const [at, point] of points.entries()) {
    // A worker that dies before an effect leaves what it left after the one before.
    if (kind === 'kill worker' && point.startsWith('before')) continue;
    try {
      await act(await prepared(), { at, kind }, fate);
    } catch (error) {
      failures.push(`#${at} ${point}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    }
  }
  expect(failures.slice(0, 3).join('\n\n'), `${failures.length} of ${points.length} points`).toBe('');
}
