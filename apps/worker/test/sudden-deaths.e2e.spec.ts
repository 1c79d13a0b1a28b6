import type { OperationView } from '@varve/contracts';
import type { SnapshotUid } from '@varve/core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { stepsOfNewest } from './support/journals.js';
import { Product } from './support/product.js';
import type { Bounds, Point, ProvenInstance } from './support/proven-instance.js';

// kill -9 of the worker and of QEMU at every step of a procedure, and of both, as when a host loses power, at those
// that change something for good. The worker dies when a step has begun, and when it is done and nothing says so yet:
// one procedure dies at all of its steps, one after the other, since each death finds another step under way.

const LOAD = { span: 3000, order: 'rand', perSecond: 150 } as const;

/** What must be among the steps, so that the test is of what it says. */
const HARD_STEPS = {
  snapshot: ['create overlay', 'switch to overlay', 'point disk at overlay', 'upload layer', 'merge into history'],
  rollback: ['build restored layer', 'create active layer', 'stop instance', 'place chain', 'start instance'],
};
/** Dozens of deaths each; on a busy machine a life takes a quarter of a minute. */
const MANY_LIVES_MS = 900_000;
const FINAL_STATES = ['succeeded', 'failed', 'cancelled'];

let product: Product;
let instance: ProvenInstance;
let first: Point;
let target: Point;

beforeAll(async () => {
  product = await Product.start();
  instance = await product.instance();
  await instance.guest.write(200, { span: 10_000 });
  first = await instance.snapshotWell();
  await instance.guest.write(200, { span: 10_000 });
  target = await instance.snapshotWell();
  // From here on each snapshot merges, so that no layer shows the target's state: it has to be built.
  await instance.guest.write(200, { span: 10_000 });
  await instance.snapshotWell();
});
afterAll(() => product?.close());

afterEach(async () => {
  if (instance.guest.isAlive()) await instance.guest.stop();
});

/** Whether the operation has ended, so that a point that it never comes to is not waited for. */
const isOver = (operation: string) => async (): Promise<boolean> =>
  FINAL_STATES.includes((await product.client.operation(operation)).state);

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

const rollBackTo = async ({ snapshot }: Point): Promise<string> =>
  (await product.client.createRollback(instance.id, { snapshotUid: snapshot.uid })).id;

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
