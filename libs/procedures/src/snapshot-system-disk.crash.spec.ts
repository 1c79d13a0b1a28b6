import { describe, expect, it } from 'vitest';
import type { Bench, Blow, Fate } from './testing/bench.js';
import { STRIKES, sweep } from './testing/crash-sweep.js';
import { SCENARIOS } from './testing/scenarios.js';

/** A snapshot, whatever befalls it, and then an ordinary one. */
const takeSnapshot =
  (storeDown: boolean) =>
  async (bench: Bench, blow: Blow | null, fate: Fate): Promise<readonly string[]> => {
    const report = await bench.snapshot({ storeDown, blow, fate });
    expect(report.available && storeDown).toBe(false);
    if (bench.powerState() !== 'running') await bench.start();
    bench.writeSome();
    const next = await bench.snapshot();
    expect(next.available, 'the next snapshot').toBe(true);
    return report.points;
  };

describe.each(SCENARIOS)('a snapshot of $name', ({ make }) => {
  it.each(STRIKES)('$name: nothing is lost, nothing left over, the next one works', { timeout: 60_000 }, (strike) =>
    sweep(make, strike, takeSnapshot(false)),
  );

  it.each(STRIKES.slice(0, 4))(
    '$name, and the store is down: so it fails, and nothing is lost',
    { timeout: 60_000 },
    (strike) => sweep(make, strike, takeSnapshot(true)),
  );
});
