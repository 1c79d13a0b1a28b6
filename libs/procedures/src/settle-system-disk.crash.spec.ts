import { describe, expect, it } from 'vitest';
import type { Bench, Blow, Fate } from './testing/bench.js';
import { COMMON_STRIKES, STRIKES, sweep } from './testing/crash-sweep.js';
import { SCENARIOS } from './testing/scenarios.js';

const settle = async (bench: Bench, blow: Blow | null, fate: Fate): Promise<readonly string[]> => {
  const isPaused = bench.powerState() === 'paused';
  const report = await bench.settle({ blow, fate });
  const problem = report.outcome.kind === 'failed' ? report.outcome.problem : (report.outcome.result.problem ?? null);
  if (!isPaused) expect(problem?.remedy ?? 'retry', problem?.message ?? '').toBe('retry');
  expect(problem !== null && blow === null && !isPaused, 'failed for nothing').toBe(false);
  expect(report.settled || problem !== null, 'settled, or there is a reason').toBe(true);
  if (bench.powerState() !== 'running') await bench.start();
  bench.writeSome();
  expect((await bench.settle()).settled, 'the next one').toBe(true);
  expect((await bench.snapshot()).available, 'the next snapshot').toBe(true);
  return report.points;
};

const CHAINS = SCENARIOS.filter(({ name }) => name !== 'a fresh instance');

describe.each(CHAINS)('settling $name', ({ make, isTypical }) => {
  it.each(isTypical ? STRIKES : COMMON_STRIKES)(
    '$name: nothing is lost, nothing is left over, the next one settles',
    { timeout: 120_000 },
    (strike) => sweep(make, strike, settle),
  );
});

describe.each(CHAINS)('settling $name, where Nova goes by the name disk', ({ make, isTypical }) => {
  const asUnderNova = async (): Promise<Bench> => {
    const bench = await make();
    bench.host.hypervisor.settlesUnderDiskName = true;
    return bench;
  };
  it.each(isTypical ? STRIKES : COMMON_STRIKES)(
    '$name: nothing is lost, nothing is left over, the next one settles',
    { timeout: 120_000 },
    (strike) => sweep(asUnderNova, strike, settle),
  );
});
