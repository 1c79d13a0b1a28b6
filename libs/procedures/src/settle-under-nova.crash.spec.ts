import { describe, it } from 'vitest';
import type { Bench } from './testing/bench.js';
import { COMMON_STRIKES, STRIKES, sweep } from './testing/crash-sweep.js';
import { CHAINS_TO_SETTLE, settle } from './testing/struck-settling.js';

// A file of its own beside settle-system-disk: together they would keep one core alone for a minute.
describe.each(CHAINS_TO_SETTLE)('settling $name, where Nova goes by the name disk', ({ make, isTypical }) => {
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
