import { describe, expect, it } from 'vitest';
import type { Bench, Blow, Fate } from './testing/bench.js';
import { COMMON_STRIKES, STRIKES, sweep } from './testing/crash-sweep.js';
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

// Every scenario struck in every way is a matter of minutes, for whoever has changed a procedure.
const isThorough = process.env['VARVE_CRASH_TESTS'] === 'all';

describe.each(SCENARIOS)('a snapshot of $name', { timeout: 120_000 }, ({ make, isTypical }) => {
  const strikes = isThorough || isTypical ? STRIKES : COMMON_STRIKES;

  it.each(strikes)('$name: nothing is lost, nothing left over, the next one works', (strike) =>
    sweep(make, strike, takeSnapshot(false)),
  );

  it.each(isThorough ? STRIKES : isTypical ? COMMON_STRIKES : [])(
    '$name, and the store is down: so it fails, and nothing is lost',
    (strike) => sweep(make, strike, takeSnapshot(true)),
  );
});
