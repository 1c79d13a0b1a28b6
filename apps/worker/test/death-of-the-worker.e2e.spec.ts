import type { OperationView } from '@varve/contracts';
import type { SnapshotUid } from '@varve/core';
import { describe, expect, it } from 'vitest';
import { stepsOfNewest } from './support/journals.js';
import {
  HARD_STEPS,
  instance,
  isOver,
  LOAD,
  MANY_LIVES_MS,
  instanceToStrike,
  product,
  rollBackTo,
  target,
} from './support/instance-to-strike.js';

// The worker dies when a step has begun, and when it is done and nothing says so yet: one procedure dies at all of its
// steps, one after the other, since each death finds another step under way.

instanceToStrike();

/**
 * At the beginning of every step of an operation, and when it is done and not on record: the worker stands still there,
 * and is to die and live again in `dies`.
 */
async function atEveryStep(
  begin: () => Promise<string>,
  dies: () => Promise<void>,
): Promise<{ operation: OperationView; steps: string[] }> {
  product.halt.ask('*:begin');
  const operation = await begin();
  const steps: string[] = [];
  while (await product.halt.reached(isOver(operation))) {
    const step = stepsOfNewest(instance.guest.files.dir).at(-1) ?? '';
    steps.push(step);
    product.halt.ask(`${step}:unrecorded`);
    await dies();
    if (!(await product.halt.reached(isOver(operation)))) throw new Error(`"${step}" was never done`);
    product.halt.ask('*:begin');
    await dies();
  }
  expect(steps).toEqual(stepsOfNewest(instance.guest.files.dir));
  return { operation: await product.finished(operation), steps };
}

describe('the worker is killed', () => {
  it(
    'at every step of a snapshot: the guest writes on, and the snapshot is taken',
    { timeout: MANY_LIVES_MS },
    async () => {
      await instance.guest.load(LOAD);
      const bounds = await instance.watch();
      let uid: SnapshotUid | undefined;
      const { operation, steps } = await atEveryStep(
        async () => {
          const snapshot = await product.client.createSnapshot(instance.id, { quiesce: 'none' });
          ({ uid } = snapshot);
          return snapshot.operationId;
        },
        async () => {
          await product.restartWorker('kill');
          expect((await instance.ownLayers()).length).toBeLessThanOrEqual(4);
          await instance.expectSound();
        },
      );
      expect(operation).toMatchObject({ state: 'succeeded', problem: null });
      expect(steps).toEqual(expect.arrayContaining(HARD_STEPS.snapshot));
      expect(await product.client.snapshot(uid ?? '')).toMatchObject({ status: 'available' });
      await instance.expectSealedState(await bounds());
      await instance.expectProgress();
      await instance.snapshotWell();
    },
  );

  it('at every step of a rollback: the instance comes up there, and goes on', { timeout: MANY_LIVES_MS }, async () => {
    await instance.guest.write(20);
    instance.guest.announceRollback(target);
    const { operation, steps } = await atEveryStep(
      () => rollBackTo(target),
      async () => {
        await product.restartWorker('kill');
        expect((await instance.ownLayers()).length).toBeLessThanOrEqual(4);
      },
    );
    expect(operation).toMatchObject({ state: 'succeeded', problem: null });
    expect(steps).toEqual(expect.arrayContaining(HARD_STEPS.rollback));
    await instance.expectState(target);
    await instance.guest.write(20);
    await instance.snapshotWell();
  });
});
