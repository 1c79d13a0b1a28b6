// Going back to the newest, the middle and the first of ten restore points, each time from the same state.
import type { Bench, BenchCluster } from './bench.ts';
import { Instance, type DoneRollback } from './instance.ts';
import type { RollbackCost, RollbackResult } from './results.ts';
import { rounded } from './stats.ts';

interface Point {
  readonly uid: string;
  /** The guest's last write in it. */
  readonly op: number;
}

const LAYERS = 10;

export async function measureRollback(bench: Bench, { cluster }: BenchCluster): Promise<RollbackResult> {
  const instance = await Instance.boot(bench, cluster, { name: 'rollback' });
  const { guest } = instance;
  const firstBlocks = bench.pick(32_768, 8192);
  // The layer that the guest was booted on stays below the history layer, where it would be at hand as the first point.
  await instance.snapshot();
  const points: Point[] = [];
  for (let i = 0; i < LAYERS; i++) {
    // The later ones overwrite the first here and there, so that going back to it means to fetch much of it.
    if (i === 0) await guest.ask(`fill 0 ${firstBlocks}`, 120_000);
    else await guest.write(bench.pick(1024, 512), { span: firstBlocks });
    const { op } = await guest.stat();
    points.push({ uid: (await instance.snapshot()).snapshot.uid, op });
  }

  const newest = points.at(-1);
  const [middle, first] = [points[LAYERS / 2 - 1], points[0]];
  if (!newest || !middle || !first) throw new Error('there are no restore points');
  const backTo = async ({ uid, op }: Point): Promise<RollbackCost> => {
    const { rollback, seconds } = await arriving(instance, op, () => instance.rollback(uid));
    // The next one begins where this one did. What is kept for the undo would otherwise be at hand for it.
    if (op !== newest.op) await arriving(instance, newest.op, () => instance.undo(rollback.id));
    return {
      seconds: rounded(seconds),
      bytesFetched: rollback.fetchedBytes ?? Number.NaN,
      downtimeSeconds: rounded((rollback.downtimeMs ?? Number.NaN) / 1000),
    };
  };
  const costs = { newest: await backTo(newest), middle: await backTo(middle), first: await backTo(first) };
  await guest.powerOff();
  return { layers: LAYERS, ...costs };
}

/** @throws {Error} the guest does not find its disk as it was right after `op` */
async function arriving(instance: Instance, op: number, go: () => Promise<DoneRollback>): Promise<DoneRollback> {
  const { guest } = instance;
  guest.announceRollback({ acked: op, upto: op });
  const done = await go();
  await guest.waitReady();
  const state = await guest.state();
  if (!state.good || state.op !== op) throw new Error(`The guest is not back at its write ${op}: ${state.text}`);
  return done;
}
