import { describe, expect, it } from 'vitest';
import { COMMON_STRIKES, STRIKES, sweep } from './testing/crash-sweep.js';
import { atRest } from './testing/scenarios.js';
import { CHAINS_TO_SETTLE, settle } from './testing/struck-settling.js';

describe.each(CHAINS_TO_SETTLE)('settling $name', ({ make, isTypical }) => {
  it.each(isTypical ? STRIKES : COMMON_STRIKES)(
    '$name: nothing is lost, nothing is left over, the next one settles',
    { timeout: 120_000 },
    (strike) => sweep(make, strike, settle),
  );
});

it.each(['running', 'stopped'])('settling a %s instance says what it is at before it reads the disk', async (state) => {
  const bench = await atRest();
  await bench.snapshot();
  if (state === 'stopped') await bench.stop();
  bench.told.length = 0;
  expect((await bench.settle()).settled).toBe(true);
  expect(bench.told[0]).toBe('merging after journal: done "examine chain"');
});
