import { describe, expect, it } from 'vitest';
import type { OperationId } from '@varve/core';
import type { Bench, Blow, Fate } from './testing/bench.js';
import { STRIKES, sweep } from './testing/crash-sweep.js';
import { atRest, narrow } from './testing/scenarios.js';

async function afterRollback(bench: Bench, which: 0 | -1): Promise<Bench> {
  const uid = bench.pointUids.at(which);
  if (!uid) throw new Error('No restore point');
  bench.writeSome();
  await bench.rollback(uid);
  bench.writeSome();
  return bench;
}

const lastRollback = (bench: Bench): OperationId => {
  if (!bench.aside) throw new Error('Nothing was set aside');
  return bench.aside.operationId;
};

const keep = async (bench: Bench, blow: Blow | null, fate: Fate): Promise<readonly string[]> => {
  const rollback = lastRollback(bench);
  const report = await bench.keep(rollback, { blow, fate });
  const problem = report.outcome.kind === 'failed' ? report.outcome.problem : null;
  expect(problem?.remedy ?? 'retry', problem?.message ?? '').toBe('retry');
  expect(problem !== null && blow === null, 'failed for nothing').toBe(false);
  if (bench.powerState() !== 'running') await bench.start();
  bench.writeSome();
  expect((await bench.snapshot()).available, 'the next snapshot').toBe(true);
  if (problem === null) await expectOver(bench, rollback);
  return report.points;
};

/** It can neither be undone nor kept, and nothing of what it replaced takes any space. */
async function expectOver(bench: Bench, rollback: OperationId): Promise<void> {
  expect((await bench.host.diskFiles.readRecord(bench.instance))?.safety).toBeNull();
  expect((await bench.keep(rollback)).outcome).toMatchObject({ kind: 'failed', problem: { code: 'conflict' } });
}

const CASES: readonly { name: string; make: () => Promise<Bench> }[] = [
  { name: 'to the newest point', make: async () => afterRollback(await atRest(), -1) },
  { name: 'to the first point', make: async () => afterRollback(await atRest(), 0) },
  { name: 'with a failed layer detached', make: async () => afterRollback(await narrow(1), -1) },
  {
    name: 'and snapshots since',
    make: async () => {
      const bench = await afterRollback(await atRest(), -1);
      await bench.snapshot();
      await bench.snapshot({ storeDown: true });
      return bench;
    },
  },
  {
    name: 'that was undone',
    make: async () => {
      const bench = await afterRollback(await atRest(), 0);
      await bench.undo(lastRollback(bench));
      return bench;
    },
  },
  {
    name: 'of a stopped instance',
    make: async () => {
      const bench = await afterRollback(await atRest(), -1);
      await bench.stop();
      return bench;
    },
  },
];

describe.each(CASES)('keeping the outcome of a rollback $name', ({ make }) => {
  it.each(STRIKES)('$name: the disk stays, what was set aside is gone', { timeout: 60_000 }, (strike) =>
    sweep(make, strike, keep),
  );
});

describe('keeping the outcome of a rollback', () => {
  it('is refused when another rollback has come since, and gives nothing up', async () => {
    const bench = await afterRollback(await atRest(), 0);
    const first = lastRollback(bench);
    await afterRollback(bench, -1);
    bench.isHurried = false;
    expect((await bench.keep(first)).outcome).toMatchObject({ kind: 'failed', problem: { code: 'conflict' } });
    expect((await bench.undo(lastRollback(bench))).outcome.kind).toBe('finished');
  });

  it('frees what only the undo needed, and lets the history be merged into again', async () => {
    const bench = await afterRollback(await atRest(), -1);
    const files = bench.host.diskFiles;
    const before = files.layersOf(bench.instance).length;
    await bench.keep(lastRollback(bench));
    const record = await files.readRecord(bench.instance);
    expect(files.layersOf(bench.instance).length).toBeLessThan(before);
    expect(files.layersOf(bench.instance)).toHaveLength(record?.files.length ?? 0);
  });
});
