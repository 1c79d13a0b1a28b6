// What it costs to merge a sealed layer into the history layer, by each strategy, beside a guest that does nothing.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { mountXfs } from '../xfs.ts';
import type { Bench } from './bench.ts';
import { Instance } from './instance.ts';
import { MergeWatch } from './merge-watch.ts';
import type { MergeCost, MergeResult } from './results.ts';
import { median, rounded } from './stats.ts';

interface Setup {
  readonly strategy: 'in-place' | 'copy';
  readonly reflink: boolean;
}

/** All on the same kind of file system behind the same kind of device; only reflinks are there or not. */
export async function measureMerge(bench: Bench): Promise<MergeResult> {
  const historyBlocks = bench.pick(32_768, 8192);
  const sealedBlocks = bench.pick(4096, 1024);
  const costs = async (setup: Setup): Promise<MergeCost> => {
    const rounds = await mergesWith(bench, setup, { historyBlocks, sealedBlocks });
    return {
      seconds: rounded(median(rounds.map((round) => round.seconds))),
      bytesRead: median(rounds.map((round) => round.bytesRead)),
      bytesWritten: median(rounds.map((round) => round.bytesWritten)),
    };
  };
  return {
    'in-place': await costs({ strategy: 'in-place', reflink: true }),
    copy: await costs({ strategy: 'copy', reflink: false }),
    'copy-reflink': await costs({ strategy: 'copy', reflink: true }),
    historyBytes: historyBlocks * 4096,
    sealedBytes: sealedBlocks * 4096,
  };
}

async function mergesWith(
  bench: Bench,
  { strategy, reflink }: Setup,
  sizes: { historyBlocks: number; sealedBlocks: number },
): Promise<MergeCost[]> {
  const xfs = await mountXfs(4096, { reflink });
  bench.atEnd(() => xfs.unmount());
  const instancesDir = join(xfs.dir, 'instances');
  mkdirSync(instancesDir);
  const { cluster } = await bench.startCluster({ instancesDir, workerEnv: { VARVE_MERGE_STRATEGY: strategy } });
  const instance = await Instance.boot(bench, cluster, { name: `merge-${strategy}` });
  const { guest } = instance;

  // The first seals the layer that the guest was booted on, which stays below; the second becomes the history layer.
  await instance.snapshot();
  await guest.ask(`fill 0 ${sizes.historyBlocks}`, 120_000);
  await instance.snapshot();

  const costs: MergeCost[] = [];
  for (let round = 0; round < bench.pick(3, 1); round++) {
    await guest.write(sizes.sealedBlocks, { span: sizes.historyBlocks });
    const watch = new MergeWatch(guest.files.dir, () => [cluster.worker.pid, guest.pid()]);
    const { operation } = await instance.snapshot();
    const traffic = watch.stop();
    const [merge, ...others] = operation.merges;
    if (merge?.strategy !== strategy || others.length > 0) {
      throw new Error(`not one merge by ${strategy}, but ${JSON.stringify(operation.merges)}`);
    }
    costs.push({ seconds: merge.seconds, bytesRead: traffic.read, bytesWritten: traffic.written });
  }
  const { damaged, wrong } = await guest.verify();
  if (damaged + wrong > 0) throw new Error(`${damaged + wrong} blocks of the guest's disk are wrong`);
  await guest.dispose();
  await cluster.close();
  return costs;
}
