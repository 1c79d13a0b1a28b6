import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Product } from './support/product.js';
import type { ProvenInstance } from './support/proven-instance.js';
import { refusalOf } from './support/refusal.js';

// Instances that don't just run, and requests that don't just follow each other.

const BLOCK = 4096;
const LOAD = { span: 64, order: 'seq', perSecond: 200 } as const;

let product: Product;
let instance: ProvenInstance;

beforeAll(async () => {
  product = await Product.start({ store: 's3' });
  instance = await product.instance();
});
afterAll(() => product?.close());
afterEach(() => instance.guest.cancelRollback());

describe('a paused instance', () => {
  it('is snapshotted like a running one, and stays paused', async () => {
    const { guest } = instance;
    await guest.write(100);
    await instance.snapshotWell();
    const { op } = await guest.write(10, { start: 200, order: 'seq' });
    await guest.qmp('stop');
    const { uid, operationId } = await product.client.createSnapshot(instance.id, {});
    expect(await product.finished(operationId)).toMatchObject({ state: 'succeeded' });
    expect(await guest.qmp('query-status')).toMatchObject({ running: false, status: 'paused' });
    const snapshot = await product.client.snapshot(uid);
    expect(snapshot).toMatchObject({ status: 'available', consistency: 'crash', changedBytes: 10 * BLOCK });
    await instance.expectSealedState({ acked: op, upto: op });

    const demanding = await product.client.createSnapshot(instance.id, { quiesce: 'require' });
    expect(await product.finished(demanding.operationId)).toMatchObject({ problem: { code: 'quiesce_failed' } });
    expect(await guest.qmp('query-status')).toMatchObject({ status: 'paused' });
    await guest.qmp('cont');
    await instance.expectSound();
  });
});

describe('a stopped instance', () => {
  it('is snapshotted by a copy, rolled back without being started, and goes on from its own layers', async () => {
    const { guest } = instance;
    await guest.write(20, { start: 1000, order: 'seq' });
    const warm = await instance.snapshotWell();
    const { op } = await guest.write(30, { start: 2000, order: 'seq' });
    await guest.powerOff();
    const layers = await instance.ownLayers();
    const { uid, operationId } = await product.client.createSnapshot(instance.id, { quiesce: 'try' });
    expect(await product.finished(operationId)).toMatchObject({ state: 'succeeded' });
    const snapshot = await product.client.snapshot(uid);
    expect(snapshot).toMatchObject({
      status: 'available',
      stallMs: null,
      changedBytes: 30 * BLOCK,
      backingUid: warm.snapshot.layerUid,
    });
    expect(await instance.ownLayers()).toEqual(layers);
    expect(guest.isAlive()).toBe(false);

    await guest.boot();
    await instance.expectState({ acked: op, upto: op });
    const written = await guest.write(5, { start: 3000, order: 'seq' });
    // The lineage forks: this one holds what the copy held, once more.
    const next = await instance.snapshotWell();
    expect(next.snapshot).toMatchObject({ changedBytes: 35 * BLOCK, backingUid: warm.snapshot.layerUid });

    await guest.powerOff();
    guest.announceRollback({ acked: op, upto: op });
    const rollback = await product.client.createRollback(instance.id, { snapshotUid: uid });
    expect(await product.finished(rollback.id)).toMatchObject({ state: 'succeeded' });
    expect(guest.isAlive()).toBe(false);
    expect((await guest.check(undefined, { acked: op, upto: op })).good).toBe(true);
    await guest.boot();
    await instance.expectState({ acked: op, upto: op });
    await instance.goBackTo({ ...next, acked: written.acked });
  });
});

describe('the guest agent', () => {
  it('makes a snapshot consistent for the file system, which the guest goes on using', async () => {
    const { guest } = instance;
    expect(
      await guest.shell('/sbin/mke2fs -q -t ext4 /dev/vda1 && mount -t ext4 /dev/vda1 /mnt && echo kept > /mnt/file'),
    ).toEqual({ status: 0, output: '' });
    await guest.load(LOAD);
    const point = await instance.snapshotWell({ quiesce: 'require' });
    expect(point.snapshot.consistency).toBe('filesystem');
    expect(await guest.shell('echo lost > /mnt/file && sync')).toMatchObject({ status: 0 });
    await instance.expectProgress();
    await guest.stop();

    await instance.goBackTo(point);
    const checked = await guest.shell('/sbin/e2fsck -fn /dev/vda1');
    expect(checked.status).toBe(0);
    expect(checked.output).not.toMatch(/recover/);
    expect(await guest.shell('mount -t ext4 /dev/vda1 /mnt && cat /mnt/file')).toMatchObject({ output: 'kept' });
  });

  it('is missed only by those who require it', async () => {
    const { guest } = instance;
    expect(await guest.shell('kill $(pidof qemu-ga) && umount /mnt')).toEqual({ status: 0, output: '' });
    await guest.load(LOAD);
    const layers = await instance.ownLayers();
    const failed = await instance.snapshot({ quiesce: 'require' });
    expect(failed).toMatchObject({
      operation: { state: 'failed', problem: { code: 'quiesce_failed', remedy: 'retry' } },
      snapshot: { status: 'error' },
    });
    expect(await instance.ownLayers()).toEqual(layers);
    await instance.expectProgress();
    expect((await instance.snapshotWell({ quiesce: 'try' })).snapshot.consistency).toBe('crash');
    await guest.stop();
  });
});

describe('requests at the same time', () => {
  it('on one instance: the second is told what to wait for', async () => {
    const { snapshot: point } = await instance.snapshotWell();
    product.halt.ask('examine chain:begin');
    const { operationId } = await product.client.createSnapshot(instance.id, { quiesce: 'none' });
    await product.halt.reached();
    for (const request of [
      () => product.client.createSnapshot(instance.id),
      () => product.client.createRollback(instance.id, { snapshotUid: point.uid }),
    ]) {
      expect(await refusalOf(request())).toMatchObject({
        status: 409,
        code: 'operation_running',
        remedy: 'retry',
        facts: { operationId },
      });
    }
    product.halt.release();
    expect(await product.finished(operationId)).toMatchObject({ state: 'succeeded' });
    await instance.snapshotWell();
  });

  it('on two instances of a host: neither minds the other', async () => {
    const other = await product.instance();
    await Promise.all([instance.guest.load(LOAD), other.guest.load(LOAD)]);
    const first = await Promise.all([instance.snapshotWell(), other.snapshotWell()]);
    await Promise.all([instance.snapshotWell(), other.snapshotWell()]);
    await other.guest.stop();
    await Promise.all([other.goBackTo(first[1]), instance.snapshotWell(), instance.expectProgress()]);
    await instance.guest.stop();
    await instance.goBackTo(first[0]);
    await other.guest.powerOff();
    expect(await other.guest.check()).toMatchObject({ good: true });
  });
});

describe('cancelling a rollback', () => {
  it('in time: the instance has not noticed', async () => {
    const { guest } = instance;
    const target = await instance.snapshotWell();
    await guest.write(10);
    await instance.snapshotWell();
    const pid = guest.pid();
    const layers = await instance.ownLayers();
    product.store.hold?.();
    try {
      const { id } = await product.client.createRollback(instance.id, { snapshotUid: target.snapshot.uid });
      await expect
        .poll(() => product.client.operation(id), { timeout: 60_000 })
        .toMatchObject({ state: 'running', phase: 'fetching', cancellable: true });
      await product.client.cancelOperation(id);
      expect(await product.finished(id)).toMatchObject({ state: 'cancelled' });
      expect(await product.client.rollback(id)).toMatchObject({ state: 'cancelled', undoable: false });
    } finally {
      product.store.bringBack();
    }
    expect(guest.pid()).toBe(pid);
    expect(await instance.ownLayers()).toEqual(layers);
    await instance.expectSound();
    await instance.snapshotWell();
    await instance.goBackTo(target);
  });

  it('too late: it goes to its end', async () => {
    const target = await instance.snapshotWell();
    instance.guest.announceRollback(target);
    product.halt.ask('no-return');
    const { id } = await product.client.createRollback(instance.id, { snapshotUid: target.snapshot.uid });
    await product.halt.reached();
    const cancelled = await product.client.cancelOperation(id).catch((error: unknown) => error);
    product.halt.release();
    // The API may not have heard yet that it is too late.
    expect(cancelled).toMatchObject(cancelled instanceof Error ? { code: 'past_point_of_no_return' } : { id });
    expect(await product.finished(id)).toMatchObject({ state: 'succeeded' });
    await instance.expectState(target);
  });

  it('is not offered, and refused, once its disk is exchanged', async () => {
    const target = await instance.snapshotWell();
    instance.guest.announceRollback(target);
    product.halt.ask('start instance:begin');
    const { id } = await product.client.createRollback(instance.id, { snapshotUid: target.snapshot.uid });
    await product.halt.reached();
    try {
      await expect.poll(() => product.client.operation(id)).toMatchObject({ phase: 'restoring', cancellable: false });
      await expect(product.client.cancelOperation(id)).rejects.toMatchObject({ code: 'past_point_of_no_return' });
    } finally {
      product.halt.release();
    }
    expect(await product.finished(id)).toMatchObject({ state: 'succeeded' });
    await instance.expectState(target);
  });
});
