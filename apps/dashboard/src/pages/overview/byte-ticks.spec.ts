import { expect, it } from 'vitest';
import { byteTicks } from './byte-ticks.ts';

const [KIB, MIB, GIB] = [1024, 1024 ** 2, 1024 ** 3];

it.each([
  [0, [0]],
  [3, [0, 1, 2, 3]],
  [3_000, [0, KIB, 2 * KIB, 3 * KIB]],
  [50 * MIB, [0, 20 * MIB, 40 * MIB, 60 * MIB]],
  [3 * GIB, [0, GIB, 2 * GIB, 3 * GIB]],
  [1500 * GIB, [0, 0.5 * 1024 * GIB, 1024 * GIB, 1.5 * 1024 * GIB]],
])('%d bytes are told at round numbers', (most, ticks) => {
  expect(byteTicks(most)).toEqual(ticks);
});

it('has at most five steps, and reaches what there is', () => {
  for (let most = 1; most < 2 ** 50; most *= 1.37) {
    const ticks = byteTicks(most);
    expect(ticks.length).toBeLessThanOrEqual(6);
    expect(ticks.at(-1)).toBeGreaterThanOrEqual(most);
  }
});
