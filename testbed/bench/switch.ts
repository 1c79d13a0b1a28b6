// How much longer a guest's write takes because a snapshot switches layers underneath it.
import type { Bench, BenchCluster } from './bench.ts';
import { Instance } from './instance.ts';
import { LatencySampler, type Windows } from './latency.ts';
import type { SwitchResult } from './results.ts';
import { highest, median, rounded } from './stats.ts';

export async function measureSwitch(bench: Bench, { cluster }: BenchCluster): Promise<SwitchResult> {
  const switches = bench.pick(30, 5);
  const instance = await Instance.boot(bench, cluster, { name: 'switch' });
  const { guest } = instance;
  await instance.snapshot(); // the first one takes the instance into care
  await guest.load({ span: 16_384, order: 'rand', flushEvery: 1 });

  const sampler = new LatencySampler(guest);
  const moments: { askedAt: number; switchedAt: number }[] = [];
  const stalls: number[] = [];
  try {
    for (let i = 0; i < switches; i++) {
      await sampler.waitForWindow();
      const { snapshot, askedAt } = await instance.snapshot();
      if (snapshot.sealedAt === null || snapshot.stallMs === null) throw new Error('QEMU was not running');
      stalls.push(snapshot.stallMs);
      moments.push({ askedAt, switchedAt: Date.parse(snapshot.sealedAt) });
    }
    await sampler.waitForWindow();
  } finally {
    await sampler.stop();
  }
  const windows = moments.map(({ askedAt, switchedAt }) => sampler.windowsAround(askedAt, switchedAt));
  await guest.stop();
  const { damaged, wrong } = await guest.verify();
  if (damaged + wrong > 0) throw new Error(`${damaged + wrong} blocks of the guest's disk are wrong`);
  await guest.powerOff();
  return summary(windows, stalls);
}

function summary(windows: readonly Windows[], stalls: readonly number[]): SwitchResult {
  const without = windows.map((one) => one.before);
  const withSwitch = windows.map((one) => one.with);
  const after = windows.map((one) => one.after);
  return {
    switches: windows.length,
    withoutMsMedian: rounded(median(without)),
    withoutMsMax: rounded(highest(without)),
    withMsMedian: rounded(median(withSwitch)),
    withMsMax: rounded(highest(withSwitch)),
    addedMsMedian: rounded(median(withSwitch) - median(without)),
    addedMsMax: rounded(highest(withSwitch) - highest(without)),
    afterAddedMsMedian: rounded(median(after) - median(without)),
    stallMsMedian: rounded(median(stalls)),
    stallMsMax: rounded(highest(stalls)),
  };
}
