import { expect } from 'vitest';
import type { Bench, Blow, Fate } from './bench.js';
import { SCENARIOS } from './scenarios.js';

/** All but the one that is a single layer already. */
export const CHAINS_TO_SETTLE = SCENARIOS.filter(({ name }) => name !== 'a fresh instance');

/** For a sweep: settles, struck or not, and then again, which must work. */
export const settle = async (bench: Bench, blow: Blow | null, fate: Fate): Promise<readonly string[]> => {
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
