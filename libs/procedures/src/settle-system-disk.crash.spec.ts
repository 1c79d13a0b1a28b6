import { describe, it } from 'vitest';
import { COMMON_STRIKES, STRIKES, sweep } from './testing/crash-sweep.js';
import { CHAINS_TO_SETTLE, settle } from './testing/struck-settling.js';

describe.each(CHAINS_TO_SETTLE)('settling $name', ({ make, isTypical }) => {
  it.each(isTypical ? STRIKES : COMMON_STRIKES)(
    '$name: nothing is lost, nothing is left over, the next one settles',
    { timeout: 120_000 },
    (strike) => sweep(make, strike, settle),
  );
});
