import { describe, expect, it } from 'vitest';
import type { SnapshotUid } from '@varve/core';
import { Bench } from './testing/bench.js';
import type { BenchOptions, Blow, Fate } from './testing/bench.js';
import { STRIKES, sweep } from './testing/crash-sweep.js';
import { atRest, narrow } from './testing/scenarios.js';

const TARGETS = {
  newest: (bench: Bench) => bench.pointUids.at(-1),
  middle: (bench: Bench) => bench.pointUids.at(-2),
  first: (bench: Bench) => bench.pointUids.at(0),
} as const;

const targetOf = (bench: Bench, which: keyof typeof TARGETS): SnapshotUid => {
  const uid = TARGETS[which](bench);
  if (!uid) throw new Error('No restore point');
  return uid;
};

/** A rollback, whatever befalls it, then an ordinary snapshot of what it led to. */
const rollBack =
  (which: keyof typeof TARGETS) =>
  async (bench: Bench, blow: Blow | null, fate: Fate): Promise<readonly string[]> => {
    const report = await bench.rollback(targetOf(bench, which), { blow, fate });
    // Before the point of no return whatever hinders it may end it; but then it is to be asked for once more.
    const problem = report.outcome.kind === 'failed' ? report.outcome.problem : null;
    expect(problem?.remedy ?? 'retry', problem?.message ?? '').toBe('retry');
    expect(problem !== null && blow === null, 'failed for nothing').toBe(false);
    if (bench.powerState() !== 'running') await bench.start();
    bench.writeSome();
    expect((await bench.snapshot()).available, 'the next snapshot').toBe(true);
    return report.points;
  };

async function withUnstoredData(bench: Bench): Promise<Bench> {
  await bench.snapshot({ storeDown: true });
  bench.writeSome();
  return bench;
}

async function stopped(bench: Bench): Promise<Bench> {
  await bench.stop();
  return bench;
}

async function fourPoints(options: BenchOptions = {}): Promise<Bench> {
  const bench = await atRest(options);
  await bench.snapshot();
  return bench;
}

async function twice(): Promise<Bench> {
  const bench = await fourPoints();
  await bench.rollback(targetOf(bench, 'middle'));
  await bench.snapshot();
  return bench;
}

const CASES: readonly { name: string; which: keyof typeof TARGETS; make: () => Promise<Bench> }[] = [
  { name: 'to the newest point, which a local layer shows', which: 'newest', make: () => fourPoints() },
  { name: 'to a point in the middle', which: 'middle', make: () => fourPoints() },
  { name: 'to the first point', which: 'first', make: () => fourPoints() },
  { name: 'to a point in the middle, stopped', which: 'middle', make: async () => stopped(await fourPoints()) },
  { name: 'to the newest point, stopped', which: 'newest', make: async () => stopped(await fourPoints()) },
  {
    name: 'to the newest point, a failed one since',
    which: 'newest',
    make: async () => withUnstoredData(await fourPoints()),
  },
  {
    name: 'to the newest point where none can be replaced',
    which: 'newest',
    make: () => fourPoints({ canReplaceBacking: false }),
  },
  { name: 'in the narrow case, a failed layer detached', which: 'middle', make: () => narrow(1) },
  { name: 'after another rollback', which: 'first', make: twice },
];

describe.each(CASES)('a rollback $name', ({ which, make }) => {
  it.each(STRIKES)(
    '$name: the disk is wholly the old or the new one, in the end the new one',
    { timeout: 60_000 },
    (strike) => sweep(make, strike, rollBack(which)),
  );
});

describe('a rollback', () => {
  it('to the newest point fetches nothing', async () => {
    const bench = await fourPoints();
    const before = bench.store.fetchedBytes;
    await bench.rollback(targetOf(bench, 'newest'));
    expect(bench.store.fetchedBytes).toBe(before);
  });

  it('fetches only what the local layers lack', async () => {
    const bench = await Bench.running();
    bench.quiet(true);
    bench.writeSome(8);
    await bench.snapshot();
    for (const changes of [2, 2, 1]) {
      bench.writeSome(changes);
      await bench.snapshot();
    }
    const { announced } = await bench.rollback(targetOf(bench, 'middle'));
    const completed = announced.at(-1)?.data as { fetchedBytes: number; localBytes: number } | undefined;
    const { fetchedBytes, localBytes } = completed ?? { fetchedBytes: -1, localBytes: -1 };
    expect(fetchedBytes).toBe(bench.store.fetchedBytes);
    expect(fetchedBytes).toBeLessThanOrEqual(bench.host.blockBytes);
    expect(localBytes).toBeGreaterThan(fetchedBytes);
  });

  it('says when it can be taken back no more', async () => {
    const bench = await fourPoints();
    await bench.rollback(targetOf(bench, 'newest'));
    expect(bench.told).toContain('restoring after journal: no-return');
  });

  it('is taken back when the store is down, and the guest has not noticed', async () => {
    const bench = await fourPoints();
    bench.isHurried = false;
    const { outcome, points } = await bench.rollback(targetOf(bench, 'middle'), { storeDown: true });
    expect(outcome).toMatchObject({ kind: 'failed', problem: { code: 'store_unavailable' } });
    expect(points).not.toContain('before stop');
  });

  it('is taken back when what is in the store is damaged', async () => {
    const bench = await fourPoints();
    bench.isHurried = false;
    for (const uid of bench.stored.keys()) bench.store.corrupt(uid);
    const { outcome, points } = await bench.rollback(targetOf(bench, 'middle'));
    expect(outcome).toMatchObject({ kind: 'failed', problem: { code: 'object_corrupt' } });
    expect(points).not.toContain('before stop');
    expect((await bench.snapshot()).available).toBe(true);
  });

  it('takes nothing from a layer that a merge has left half-way', async () => {
    const { points } = await (await fourPoints()).snapshot();
    const bench = await fourPoints();
    const before = targetOf(bench, 'newest');
    bench.isHurried = false;
    const at = points.indexOf('amid commit: half');
    await bench.snapshot({ blow: { at, kind: 'cut power' } });
    const record = await bench.host.diskFiles.readRecord(bench.instance);
    expect(record?.files.map(({ mixture }) => mixture ?? false)).toContain(true);
    await bench.rollback(before);
    await bench.start();
    expect((await bench.snapshot()).available).toBe(true);
  });

  it('can be made while a later point’s layers are still local, and back again', async () => {
    const bench = await fourPoints();
    bench.isHurried = false;
    const [first, newest] = [targetOf(bench, 'first'), targetOf(bench, 'newest')];
    for (const uid of [first, newest, first, newest]) {
      await bench.rollback(uid);
      bench.writeSome();
      await bench.snapshot();
    }
  });
});
