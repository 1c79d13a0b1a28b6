import { describe, expect, it, vi } from 'vitest';
import type { Bench, Blow, Fate } from './testing/bench.js';
import { sweep } from './testing/crash-sweep.js';
import type { Strike } from './testing/crash-sweep.js';
import { atRest, failed, fresh, narrow, rolledBack } from './testing/scenarios.js';

const STRIKES: readonly Strike[] = [
  { name: 'the worker dies', kind: 'kill worker', fate: 'nothing' },
  { name: 'the worker dies, and the instance is started if it can be', kind: 'kill worker', fate: 'boot if it can' },
  { name: 'the worker dies, and the store is away when it comes back', kind: 'kill worker', fate: 'store away' },
];

type Loss = (bench: Bench) => Promise<Bench>;

/** As Nova leaves it on the host that it was to be resized on. */
const resized: Loss = async (bench) => {
  await bench.stop();
  bench.host.resizeInVain(bench.instance);
  return bench;
};

/** As Nova leaves it on the host that it was moved to. */
const moved: Loss = async (bench) => {
  await bench.stop();
  bench.host.moveDiskAlone(bench.instance);
  return bench;
};

/** The layers are gone, the record is not. */
const deleted: Loss = async (bench) => {
  await bench.stop();
  const { diskFiles } = bench.host;
  const record = await diskFiles.readRecord(bench.instance);
  for (const { fileId } of record?.files.slice(0, -1) ?? []) await diskFiles.removeLayer(bench.instance, fileId);
  return bench;
};

const repair = async (bench: Bench, blow: Blow | null, fate: Fate): Promise<readonly string[]> => {
  const report = await bench.repair({ blow, fate });
  const problem = report.outcome.kind === 'failed' ? report.outcome.problem : report.outcome.result.problem;
  // The store may be away before anything was changed: then it is to be asked for once more.
  if (problem) {
    expect(problem.remedy, problem.message).toBe('retry');
    expect(blow, 'failed for nothing').not.toBeNull();
    await bench.repair();
  }
  if (bench.powerState() !== 'running') await bench.start();
  bench.writeSome();
  expect((await bench.snapshot()).available, 'the next snapshot').toBe(true);
  return report.points;
};

const CASES: readonly { name: string; make: () => Promise<Bench> }[] = [
  { name: 'resized in vain', make: async () => resized(await atRest()) },
  { name: 'resized in vain, since its start', make: async () => resized(await narrow(0)) },
  { name: 'resized in vain, with layers that were never stored', make: async () => resized(await failed(2)) },
  { name: 'resized in vain, after a rollback', make: async () => resized(await rolledBack(1)) },
  { name: 'moved', make: async () => moved(await atRest()) },
  { name: 'moved since its start', make: async () => moved(await narrow(0)) },
  { name: 'moved after a rollback', make: async () => moved(await rolledBack(0)) },
  { name: 'whose layers were deleted', make: async () => deleted(await narrow(0)) },
  { name: 'whose layers were deleted, after a rollback', make: async () => deleted(await rolledBack(0)) },
];

describe.each(CASES)('the repair of an instance $name', ({ make }) => {
  it.each(STRIKES)('$name: the disk is whole in the end, and never wrong', { timeout: 60_000 }, (strike) =>
    sweep(make, strike, repair),
  );
});

const problemIn = ({ outcome }: Awaited<ReturnType<Bench['repair']>>): unknown =>
  outcome.kind === 'failed' ? outcome.problem : outcome.result.problem;

describe('an instance that lost its layers', () => {
  it('is not snapshotted nor settled', async () => {
    const bench = await moved(await atRest());
    const before = await bench.snapshot();
    expect(before.outcome).toMatchObject({ kind: 'failed', problem: { code: 'layers_missing' } });
    const settled = await bench.settle();
    expect(settled.outcome).toMatchObject({ kind: 'failed', problem: { code: 'layers_missing' } });
    expect(await bench.host.diskFiles.readRecord(bench.instance)).toBeNull();
  });

  it('is refused a repair when they were never stored; a rollback brings it back', async () => {
    const bench = await moved(await failed(1));
    expect(problemIn(await bench.repair())).toMatchObject({ code: 'layers_not_stored', remedy: 'call-operator' });
    const newest = bench.pointUids.at(-1);
    if (!newest) throw new Error('No restore point');
    const { outcome, operationId } = await bench.rollback(newest);
    expect(outcome.kind).toBe('finished');
    await bench.start();
    bench.writeSome();
    expect((await bench.snapshot()).available).toBe(true);
    await bench.host.diskFiles.findChain(bench.instance);
    expect(operationId).toBe(bench.aside?.operationId);
  });

  it('is refused a repair when nobody is sure what they were', async () => {
    const bench = await moved(await atRest());
    bench.forgetTop();
    expect(problemIn(await bench.repair())).toMatchObject({ code: 'layers_not_stored' });
  });

  it('is left alone while the store is away', async () => {
    const bench = await moved(await atRest());
    expect(problemIn(await bench.repair({ storeDown: true }))).toMatchObject({ code: 'store_unavailable' });
    expect(problemIn(await bench.repair())).toBeNull();
    await bench.start();
  });
});

describe('a disk that was made anew without them', () => {
  it('is refused until it is accepted as it is', async () => {
    const bench = await atRest();
    await bench.stop();
    bench.makeDiskAnew();
    const { outcome } = await bench.snapshot();
    expect(outcome).toMatchObject({ kind: 'failed', problem: { code: 'layers_lost', remedy: 'call-operator' } });
    expect((await bench.settle()).outcome).toMatchObject({ kind: 'failed', problem: { code: 'layers_lost' } });
    expect(problemIn(await bench.repair())).toMatchObject({ code: 'layers_lost' });
    expect(problemIn(await bench.repair({ acceptDisk: true }))).toBeNull();
    expect((await bench.snapshot()).available).toBe(true);
  });

  it('can be rolled back at once', async () => {
    const bench = await atRest();
    await bench.stop();
    bench.makeDiskAnew();
    const newest = bench.pointUids.at(-1);
    if (!newest) throw new Error('No restore point');
    expect((await bench.rollback(newest)).outcome.kind).toBe('finished');
    await bench.start();
    expect((await bench.snapshot()).available).toBe(true);
  });
});

describe('a repair', () => {
  it('finds nothing to do where nothing is wrong, running or not', async () => {
    const bench = await atRest();
    bench.isHurried = false;
    expect(problemIn(await bench.repair())).toBeNull();
    await bench.stop();
    expect(problemIn(await bench.repair())).toBeNull();
    const untouched = await fresh();
    expect(problemIn(await untouched.repair())).toBeNull();
    expect((await untouched.snapshot()).available).toBe(true);
  });

  it('leaves alone a running instance whose layers have lost their names', async () => {
    const bench = await narrow(0);
    const record = await bench.host.diskFiles.readRecord(bench.instance);
    await bench.host.diskFiles.removeLayer(bench.instance, record?.files[0]?.fileId ?? bench.host.newFileId());
    expect(problemIn(await bench.repair())).toMatchObject({ code: 'conflict' });
  });

  it.each([
    ['after adopt disk', 'before journal: done "put on record"'],
    ['after set backing', 'before write record'],
  ])('whose worker died %s has the disk synced all the same, %s', async (death, next) => {
    const { points } = await (await moved(await atRest())).repair();
    const bench = await moved(await atRest());
    const sync = vi.spyOn(bench.host.diskFiles, 'syncLayer');
    let synced: unknown[] | null = null;
    bench.onPoint = (point) => {
      if (point === death) sync.mockClear();
      if (point === next) synced = sync.mock.calls.map(([, file]) => file);
    };
    await bench.repair({ blow: { at: points.indexOf(death), kind: 'kill worker' } });
    expect(synced).toEqual([(await bench.host.diskFiles.readRecord(bench.instance))?.files.at(-1)?.fileId]);
  });
});
