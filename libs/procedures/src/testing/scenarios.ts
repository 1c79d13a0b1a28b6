import { Bench } from './bench.js';
import type { BenchOptions } from './bench.js';

/** A chain as a procedure may find it. */
export interface Scenario {
  readonly name: string;
  /** Struck in every way; the others in the commonest. */
  readonly isTypical?: true;
  readonly make: () => Promise<Bench>;
}

const REFLINK: BenchOptions = { reflink: true };
const COPY: BenchOptions = { settings: { mergeStrategy: 'copy' } };
const IN_PLACE: BenchOptions = { settings: { mergeStrategy: 'in-place' } };
const NO_REOPEN: BenchOptions = { canReplaceBacking: false };

/** `[boot] <- [active]`; QEMU knows the boot-time layer as `disk`. */
export const fresh = (options: BenchOptions = {}): Promise<Bench> => Bench.running(options);

/** `[history] <- [active]`, booted on the active layer. */
export async function atRest(options: BenchOptions = {}): Promise<Bench> {
  const bench = await Bench.running(options);
  for (let i = 0; i < 2; i++) await bench.snapshot();
  await bench.restart();
  await bench.snapshot();
  await bench.restart();
  return bench;
}

/** The same, and the last so many snapshots failed. */
export async function failed(times: number, options: BenchOptions = {}): Promise<Bench> {
  const bench = await atRest(options);
  for (let i = 0; i < times; i++) await bench.snapshot({ storeDown: true });
  return bench;
}

/** A fresh instance's boot-time layer must stay at the bottom: `[boot] <- [history] <- [active]`. */
export async function narrow(failures: number, options: BenchOptions = {}): Promise<Bench> {
  const bench = await Bench.running(options);
  for (let i = 0; i < 3; i++) await bench.snapshot();
  for (let i = 0; i < failures; i++) await bench.snapshot({ storeDown: true });
  return bench;
}

/** After a rollback whose target was a layer of the chain: that layer belongs to the safety point now. */
export async function rolledBack(failures: number, options: BenchOptions = {}): Promise<Bench> {
  const bench = await atRest(options);
  const { snapshotUid } = await bench.snapshot();
  await bench.snapshot({ storeDown: true });
  await bench.rollback(snapshotUid);
  for (let i = 0; i < failures; i++) await bench.snapshot({ storeDown: true });
  return bench;
}

/** One layer, and digests of what was stored before; then so many snapshots failed. */
async function settled(failures: number, options: BenchOptions = {}): Promise<Bench> {
  const bench = await failed(1, options);
  await bench.settle();
  bench.writeSome();
  for (let i = 0; i < failures; i++) await bench.snapshot({ storeDown: true });
  return bench;
}

async function stopped(bench: Bench): Promise<Bench> {
  await bench.stop();
  return bench;
}

async function paused(bench: Bench): Promise<Bench> {
  await bench.pause();
  return bench;
}

async function restarted(bench: Bench): Promise<Bench> {
  await bench.restart();
  return bench;
}

/** A chain that a power cut left full: sealed layers that nobody could merge. */
async function fullAtRest(options: BenchOptions = {}): Promise<Bench> {
  const bench = await atRest(options);
  const { points } = await bench.snapshot();
  for (let i = 0; i < 2; i++) {
    const at = points.findIndex((point) => point === 'before upload') + 1;
    await bench.snapshot({ blow: { at, kind: 'cut power' }, storeDown: i === 1 });
    await bench.start();
  }
  return bench;
}

export const SCENARIOS: readonly Scenario[] = [
  { name: 'a fresh instance', isTypical: true, make: () => fresh() },
  {
    name: 'a fresh instance, first snapshot failed',
    make: async () => {
      const bench = await fresh();
      await bench.snapshot({ storeDown: true });
      return bench;
    },
  },
  {
    name: 'the second snapshot of a fresh instance',
    make: async () => {
      const bench = await fresh();
      await bench.snapshot();
      return bench;
    },
  },
  {
    name: 'the second snapshot of a fresh instance, reflinks',
    isTypical: true,
    make: async () => {
      const bench = await fresh(REFLINK);
      await bench.snapshot();
      return bench;
    },
  },
  { name: 'a chain at rest', isTypical: true, make: () => atRest() },
  { name: 'a chain at rest, merging copies', make: () => atRest(COPY) },
  { name: 'a chain at rest, merging in place', make: () => atRest(IN_PLACE) },
  { name: 'a chain at rest, restarted since', make: async () => restarted(await atRest()) },
  { name: 'a chain at rest, paused', make: async () => paused(await atRest()) },
  { name: 'a chain at rest, stopped', isTypical: true, make: async () => stopped(await atRest()) },
  { name: 'one failure', isTypical: true, make: () => failed(1) },
  { name: 'one failure, merging copies', make: () => failed(1, COPY) },
  { name: 'one failure, no reopening', isTypical: true, make: () => failed(1, NO_REOPEN) },
  { name: 'one failure, stopped', make: async () => stopped(await failed(1)) },
  { name: 'one failure, restarted since', make: async () => restarted(await failed(1)) },
  { name: 'two failures in a row', make: () => failed(2) },
  { name: 'ten failures in a row', make: () => failed(10) },
  { name: 'the narrow case, no failure', make: () => narrow(0) },
  { name: 'the narrow case, one failure', isTypical: true, make: () => narrow(1) },
  { name: 'the narrow case, one failure, no reopening', make: () => narrow(1, NO_REOPEN) },
  { name: 'the narrow case, three failures', make: () => narrow(3) },
  { name: 'the narrow case, one failure, stopped', make: async () => stopped(await narrow(1)) },
  { name: 'the narrow case, one failure, restarted since', make: async () => restarted(await narrow(1)) },
  { name: 'after a rollback', make: () => rolledBack(0) },
  { name: 'after a rollback and a failure', isTypical: true, make: () => rolledBack(1) },
  { name: 'after a rollback and three failures, merging copies', make: () => rolledBack(3, COPY) },
  { name: 'a settled disk', isTypical: true, make: () => settled(0) },
  { name: 'a settled disk and a failure', make: () => settled(1) },
  { name: 'a settled disk and three failures, merging copies', make: () => settled(3, COPY) },
  { name: 'a settled disk, stopped', make: async () => stopped(await settled(0)) },
  { name: 'a chain that is full', isTypical: true, make: () => fullAtRest() },
];
