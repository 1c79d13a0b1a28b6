import { describe, expect, it } from 'vitest';
import type { OperationId } from '@varve/core';
import type { Bench, Blow, Fate } from './testing/bench.js';
import { STRIKES, sweep } from './testing/crash-sweep.js';
import { atRest, narrow } from './testing/scenarios.js';

/** The newest or the first point: the old chain is shared with the new one, or isn't. */
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

const undo = async (bench: Bench, blow: Blow | null, fate: Fate): Promise<readonly string[]> => {
  const report = await bench.undo(lastRollback(bench), { blow, fate });
  const problem = report.outcome.kind === 'failed' ? report.outcome.problem : null;
  expect(problem?.remedy ?? 'retry', problem?.message ?? '').toBe('retry');
  expect(problem !== null && blow === null, 'failed for nothing').toBe(false);
  if (bench.powerState() !== 'running') await bench.start();
  bench.writeSome();
  expect((await bench.snapshot()).available, 'the next snapshot').toBe(true);
  return report.points;
};

const CASES: readonly { name: string; make: () => Promise<Bench> }[] = [
  { name: 'to the newest point', make: async () => afterRollback(await atRest(), -1) },
  { name: 'to the first point', make: async () => afterRollback(await atRest(), 0) },
  { name: 'with a failed layer detached', make: async () => afterRollback(await narrow(1), -1) },
  {
    name: 'and a snapshot since',
    make: async () => {
      const bench = await afterRollback(await atRest(), -1);
      await bench.snapshot();
      await bench.snapshot({ storeDown: true });
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

describe.each(CASES)('the undoing of a rollback $name', ({ make }) => {
  it.each(STRIKES)('$name: what was set aside is the disk again', { timeout: 60_000 }, (strike) =>
    sweep(make, strike, undo),
  );
});

describe('the undoing of a rollback', () => {
  it('can itself be undone, again and again', async () => {
    const bench = await afterRollback(await atRest(), 0);
    bench.isHurried = false;
    for (let i = 0; i < 4; i++) {
      await bench.undo(lastRollback(bench));
      bench.writeSome();
      await bench.snapshot({ storeDown: i % 2 === 0 });
    }
  });

  it('is refused when another rollback has come since', async () => {
    const bench = await afterRollback(await atRest(), 0);
    const first = lastRollback(bench);
    await afterRollback(bench, -1);
    bench.isHurried = false;
    const { outcome } = await bench.undo(first);
    expect(outcome).toMatchObject({ kind: 'failed', problem: { code: 'conflict' } });
    expect(bench.powerState()).toBe('running');
  });
});
