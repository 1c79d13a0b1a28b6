import type { OperationView } from '@varve/contracts';
import { describe, expect, it } from 'vitest';
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
import type { Bounds } from './support/proven-instance.js';

instanceToStrike();

describe('the host loses power', () => {
  /** At the beginning of each of these steps of one operation, and when it is done and not on record. */
  async function atHardSteps(
    steps: readonly string[],
    begin: () => Promise<string>,
    dies: (point: string) => Promise<void>,
  ): Promise<OperationView> {
    const points = steps.flatMap((step) => [`${step}:begin`, `${step}:unrecorded`]);
    product.halt.ask(points[0] ?? '');
    const operation = await begin();
    for (const [i, point] of points.entries()) {
      if (!(await product.halt.reached(isOver(operation)))) throw new Error(`it never came to "${point}"`);
      const next = points[i + 1];
      if (next !== undefined) product.halt.ask(next);
      await dies(point);
    }
    return product.finished(operation);
  }

  /** QEMU and the worker die together; then what a host does when it comes up: recover, start instances, the worker. */
  async function losePower(found: () => Promise<void>): Promise<void> {
    const wasAlive = instance.guest.isAlive();
    await instance.guest.kill9();
    await product.cluster.worker.kill();
    await product.recover();
    expect((await instance.ownLayers()).length).toBeLessThanOrEqual(4);
    if (wasAlive) {
      await instance.guest.boot();
      await found();
    }
    product.cluster.worker.start();
  }

  it(
    'at the hard steps of a snapshot: the guest finds all that it had flushed',
    { timeout: MANY_LIVES_MS },
    async () => {
      const { guest } = instance;
      await guest.load(LOAD);
      const operation = await atHardSteps(
        HARD_STEPS.snapshot,
        async () => (await product.client.createSnapshot(instance.id, { quiesce: 'none' })).operationId,
        async () => {
          const { acked } = await instance.firstWrite();
          await losePower(async () => {
            await instance.expectState({ acked, upto: Infinity });
            await guest.load(LOAD);
          });
        },
      );
      expect(operation).toMatchObject({ state: 'succeeded', problem: null });
      await instance.snapshotWell();
    },
  );

  it('in the middle of a merge: the half-merged layers still show it all, and become one', async () => {
    const { guest } = instance;
    await product.restartWorker('stop', { VARVE_MERGE_MIB_PER_S: '1', VARVE_MERGE_STRATEGY: 'in-place' });
    await guest.write(2500, { span: 10_000 });
    const { acked } = await guest.stat();
    const { operationId } = await product.client.createSnapshot(instance.id, { quiesce: 'none' });
    await expect
      .poll(() => product.client.operation(operationId), { timeout: 120_000 })
      .toMatchObject({ phase: 'merging', doneBytes: expect.toSatisfy((bytes: number) => bytes > 0) as number });
    Object.assign(product.cluster.worker.env, { VARVE_MERGE_MIB_PER_S: '0' });
    await losePower(() => instance.expectState({ acked, upto: Infinity }));
    expect(await product.finished(operationId)).toMatchObject({ state: 'succeeded' });
    await guest.write(10);
    await instance.snapshotWell();
  });

  it(
    'at the hard steps of a rollback: the guest finds the state before or the one asked for, and then that one',
    { timeout: MANY_LIVES_MS },
    async () => {
      const { guest } = instance;
      const before = { acked: (await guest.write(20)).acked, upto: Infinity };
      let expected: Bounds = before;
      const operation = await atHardSteps(
        HARD_STEPS.rollback,
        () => rollBackTo(target),
        async (point) => {
          // The next boot is the worker's own, or one on what it has put in place.
          if (point === 'place chain:begin') guest.announceRollback((expected = target));
          await losePower(() => instance.expectState(expected));
        },
      );
      expect(operation).toMatchObject({ state: 'succeeded', problem: null });
      await instance.expectState(target);
      await guest.write(20);
      await instance.snapshotWell();
    },
  );
});
