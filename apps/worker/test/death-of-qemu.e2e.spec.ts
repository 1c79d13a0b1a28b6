import type { OperationView } from '@varve/contracts';
import { describe, expect, it } from 'vitest';
import { stepsOfNewest } from './support/journals.js';
import {
  first,
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

instanceToStrike();

describe('QEMU is killed, and the worker lives', () => {
  /** The steps of what has just been done, each once. */
  const stepsJustDone = (): string[] => [...new Set(stepsOfNewest(instance.guest.files.dir))];

  /** Kills QEMU when the operation has come to each of the points in turn; one operation for each. */
  async function killAt(
    points: readonly string[],
    begin: () => Promise<string>,
    found: (point: string, operation: OperationView) => Promise<void>,
  ): Promise<void> {
    for (const point of points) {
      try {
        product.halt.ask(point);
        const operation = await begin();
        if (!(await product.halt.reached(isOver(operation)))) throw new Error('the operation never came to it');
        await instance.guest.kill9();
        product.halt.release();
        await found(point, await product.finished(operation));
      } catch (cause) {
        throw new Error(`QEMU killed at "${point}"`, { cause });
      }
    }
  }

  it(
    'at every step of a snapshot: it ends, and the guest finds all that it had flushed',
    { timeout: MANY_LIVES_MS },
    async () => {
      const { guest } = instance;
      await guest.write(200, { span: 10_000 });
      await instance.snapshotWell();
      const steps = stepsJustDone();
      expect(steps).toEqual(expect.arrayContaining(HARD_STEPS.snapshot));
      const switched = steps.indexOf('point disk at overlay');
      let flushed = 0;
      let uid = '';
      await killAt(
        [...steps.map((step) => `${step}:begin`), 'switch to overlay:unrecorded', 'merge into history:unrecorded'],
        async () => {
          await guest.write(200, { span: 10_000 });
          await guest.load(LOAD);
          flushed = (await instance.firstWrite()).acked;
          const snapshot = await product.client.createSnapshot(instance.id, { quiesce: 'none' });
          ({ uid } = snapshot);
          return snapshot.operationId;
        },
        async (point, { state }) => {
          // Before there is anything to keep it may fail; then it must have left nothing behind.
          const mayFail = steps.findIndex((step) => point.startsWith(step)) < switched;
          expect(state).toMatch(mayFail ? /^(succeeded|failed)$/ : /^succeeded$/);
          const { status } = await product.client.snapshot(uid);
          expect(status).toBe(state === 'succeeded' ? 'available' : 'error');
          expect(guest.isAlive()).toBe(false);
          await product.recover();
          await guest.boot();
          await instance.expectState({ acked: flushed, upto: Infinity });
        },
      );
      await instance.snapshotWell();
    },
  );

  it('at every step of a rollback: the guest finds what was asked for', { timeout: MANY_LIVES_MS }, async () => {
    const { guest } = instance;
    // To the one and to the other: the chain shows only the latest, so that each has to be built.
    let [to, next] = [target, first];
    const rollBack = async (): Promise<string> => {
      [to, next] = [next, to];
      await guest.write(20);
      guest.announceRollback(to);
      return rollBackTo(to);
    };
    for (const _ of [first, target]) {
      expect(await product.finished(await rollBack())).toMatchObject({ state: 'succeeded' });
      await instance.expectState(to);
    }
    const steps = stepsJustDone();
    expect(steps).toEqual(expect.arrayContaining(HARD_STEPS.rollback));
    await killAt(
      steps.map((step) => `${step}:begin`),
      rollBack,
      async (_, { state }) => {
        expect(state).toBe('succeeded');
        if (!guest.isAlive()) {
          await product.recover();
          await guest.boot();
        }
        await instance.expectState(to);
      },
    );
    await guest.write(20);
    await instance.snapshotWell();
  });
});
