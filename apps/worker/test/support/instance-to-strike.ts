import { afterAll, afterEach, beforeAll } from 'vitest';
import { Product } from './product.js';
import type { Point, ProvenInstance } from './proven-instance.js';

// kill -9 of the worker and of QEMU at every step of a procedure, and of both, as when a host loses power, at those
// that change something for good: a file each, that they go on side by side.

export const LOAD = { span: 3000, order: 'rand', perSecond: 150 } as const;

/** What must be among the steps, so that the test is of what it says. */
export const HARD_STEPS = {
  snapshot: ['create overlay', 'switch to overlay', 'point disk at overlay', 'upload layer', 'merge into history'],
  rollback: ['build restored layer', 'create active layer', 'stop instance', 'place chain', 'start instance'],
};
/** Dozens of deaths each; on a busy machine a life takes a quarter of a minute. */
export const MANY_LIVES_MS = 900_000;
const FINAL_STATES = ['succeeded', 'failed', 'cancelled'];

export let product: Product;
export let instance: ProvenInstance;
/** Of two points, the older. */
export let first: Point;
export let target: Point;

/** For a whole file: the product, and an instance with three points, of which no layer shows the first two. */
export function instanceToStrike(): void {
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
}

/** Whether the operation has ended, so that a point that it never comes to is not waited for. */
export const isOver = (operation: string) => async (): Promise<boolean> =>
  FINAL_STATES.includes((await product.client.operation(operation)).state);

export const rollBackTo = async ({ snapshot }: Point): Promise<string> =>
  (await product.client.createRollback(instance.id, { snapshotUid: snapshot.uid })).id;
