import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../../../testbed/services/until.ts';
import { Product } from './support/product.js';
import type { Bounds, Point, ProvenInstance } from './support/proven-instance.js';

// The main job, with a guest that writes all the time and knows what its disk must hold. The tests of one store stand
// on each other: they are one instance's life.

const BLOCK = 4096;
/** Few enough blocks that each is written between any two snapshots, so that what changed is known exactly. */
const LOAD = { start: 12_000, span: 64, order: 'seq', perSecond: 250 } as const;

describe.each(['filesystem', 's3'] as const)('with the %s store', (store) => {
  let product: Product;
  let instance: ProvenInstance;
  const points: Point[] = [];
  const pointAt = (index: number): Point => {
    const point = points.at(index);
    if (!point) throw new Error('an earlier test failed');
    return point;
  };

  beforeAll(async () => {
    product = await Product.start({ store });
    instance = await product.instance();
  });
  afterAll(() => product?.close());

  /** Until the load has been over all its blocks once more. */
  async function oneRound(): Promise<void> {
    const { op } = await instance.guest.stat();
    await expect
      .poll(async () => (await instance.guest.stat()).op, { timeout: 60_000 })
      .toBeGreaterThan(op + LOAD.span);
  }

  it('takes six snapshots in a row of a writing guest, which reads all its data right after each', async () => {
    const { guest } = instance;
    for (let n = 0; n < 6; n++) {
      await guest.write(200, { span: 10_000 });
      await guest.load(LOAD);
      await oneRound();
      const point = await instance.snapshotWell();
      expect(point.snapshot.consistency).toBe('crash');
      expect(point.snapshot.stallMs).toBeGreaterThan(0);
      expect(point.snapshot.backingUid).toBe(points.at(-1)?.snapshot.layerUid ?? null);
      // Of the layer that the instance came with, whole clusters are written.
      const blocks = n === 0 ? (200 + LOAD.span) * 16 : 200 + LOAD.span;
      expect(point.snapshot.changedBytes).toBeLessThanOrEqual(blocks * BLOCK);
      await instance.expectSealedState(point);
      expect(await instance.ownLayers()).toHaveLength(point.operation.chainLength ?? 0);
      points.push(point);
      await instance.expectProgress();
      await guest.stop();
    }
    expect(pointAt(-1).operation.chainLength).toBeLessThanOrEqual(3);
  });

  it('tells how the newest was taken, step by step, and what the chain on the host is since', async () => {
    const { operation, snapshot } = pointAt(-1);
    const { items } = await product.client.steps(operation.id);
    expect(new Set(items.map(({ state }) => state))).toEqual(new Set(['done']));
    expect(items.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['examine chain', 'switch to overlay', 'point disk at overlay', 'upload layer']),
    );
    const times = items.flatMap(({ startedAt, finishedAt }) => [startedAt, finishedAt ?? '']);
    expect(times).toEqual([...times].sort());

    const { layers } = await instance.chainAsTold();
    expect(layers.at(-1)).toMatchObject({ role: 'active', layerUid: null, stored: false });
    expect(layers.at(-2)).toMatchObject({ role: 'history', stored: true, snapshotUid: snapshot.uid });
  });

  it('goes back to the newest with the store away: nothing is fetched', async () => {
    await instance.guest.write(100, { span: 10_000, flushEvery: 10 });
    product.store.countReads();
    product.store.takeAway();
    try {
      const rollback = await instance.goBackTo(pointAt(-1));
      expect(rollback).toMatchObject({ fetchedBytes: 0, undoable: true });
      expect(rollback.downtimeMs).toBeGreaterThan(0);
    } finally {
      product.store.bringBack();
    }
    expect(product.store.countReads() ?? 0).toBe(0);
  });

  it('goes back to the middle and to the first, fetches no more than was stored, and undoes it', async () => {
    const { guest } = instance;
    await guest.write(100, { span: 10_000, flushEvery: 10 });
    const middle = await instance.goBackTo(pointAt(2));
    const stored = points.slice(0, 3).reduce((sum, { snapshot }) => sum + (snapshot.uploadedBytes ?? 0), 0);
    expect(middle.fetchedBytes).toBeLessThanOrEqual(stored);
    expect(product.store.countReads() ?? 1).toBeGreaterThan(0);

    const written = await guest.write(50, { span: 10_000, flushEvery: 10 });
    const first = await instance.goBackTo(pointAt(0));
    expect(first.fetchedBytes).toBeGreaterThan(0);
    const undone = await instance.undo(first, { acked: written.acked, upto: written.op });
    expect(undone).toMatchObject({ kind: 'undo', undoes: first.id, fetchedBytes: 0 });
  });

  it('gives up on request what was replaced, which frees what it took; the guest does not notice', async () => {
    const { guest } = instance;
    const { client } = product;
    const { items } = await client.rollbackPage(instance.id, { limit: 1 });
    const latest = items[0]?.id ?? '';
    const { keptBytes } = await until('the host has said what it keeps', async () => {
      const rollback = await client.rollback(latest);
      return rollback.keptBytes !== null && rollback;
    });
    expect(keptBytes).toBeGreaterThan(0);
    const before = await instance.allocatedBytes();
    const { id } = await client.keepRollback(latest);
    expect(await product.finished(id)).toMatchObject({ kind: 'keep', state: 'succeeded', problem: null });
    expect(before - (await instance.allocatedBytes())).toBeGreaterThanOrEqual(keptBytes ?? Infinity);
    await instance.expectSound();
    expect(await client.rollback(latest)).toMatchObject({ undoable: false, keptBytes: null });
    await expect(client.undoRollback(latest)).rejects.toMatchObject({ status: 409, code: 'conflict' });
    await instance.chainAsTold();
    await guest.load(LOAD);
    await oneRound();
    await guest.stop();
    await instance.expectSound();
  });

  it('is incremental on the point it went back to; the abandoned branch can still be gone back to', async () => {
    const { guest } = instance;
    await instance.goBackTo(pointAt(2));
    await guest.write(40, { start: 15_000, order: 'seq' });
    const branch = await instance.snapshotWell();
    expect(branch.snapshot).toMatchObject({ changedBytes: 40 * BLOCK, backingUid: pointAt(2).snapshot.layerUid });
    await guest.write(30, { start: 15_020, order: 'seq' });
    const tip = await instance.snapshotWell();
    expect(tip.snapshot).toMatchObject({ changedBytes: 30 * BLOCK, backingUid: branch.snapshot.layerUid });

    await instance.goBackTo(pointAt(5));
    await instance.goBackTo(tip);
  });

  it('loses nothing while the store is away: the guest does not notice, and the next snapshot takes all along', async () => {
    const { guest } = instance;
    const base = await instance.snapshotWell();
    await guest.load(LOAD);
    for (const failures of store === 'filesystem' ? [1, 2, 5] : [1, 2]) {
      let { snapshot: last } = await instance.snapshotWell();
      const bounds: Bounds[] = [];
      for (let n = 0; n < failures; n++) {
        await oneRound();
        product.store.takeAway();
        const failed = await instance.snapshot().finally(() => product.store.bringBack());
        expect(failed).toMatchObject({
          operation: { state: 'failed', problem: { code: 'store_unavailable', remedy: 'retry' } },
          snapshot: { status: 'error', problem: { code: 'store_unavailable' } },
        });
        await instance.expectProgress();
        if (n === 0) {
          await guest.stop();
          const { layers } = await instance.chainAsTold();
          expect(layers.slice(-2)).toMatchObject([
            { role: 'sealed', stored: false, snapshotUid: failed.snapshot.uid },
            { role: 'active' },
          ]);
          await guest.load(LOAD);
        }
        bounds.push(failed);
      }
      await oneRound();
      const healed = await instance.snapshotWell();
      expect(healed.snapshot).toMatchObject({
        healed: true,
        backingUid: last.layerUid,
        // Written over and over: the sum of what changed, and nothing twice.
        changedBytes: LOAD.span * BLOCK,
      });
      last = healed.snapshot;
      await guest.stop();
      const { layers } = await instance.chainAsTold();
      expect(layers.at(-2)).toMatchObject({ stored: true, snapshotUid: healed.snapshot.uid });
      await guest.load(LOAD);
      await instance.expectSealedState(healed);
      points.push(healed);
    }
    await guest.stop();
    await instance.goBackTo(base);
    await instance.goBackTo(pointAt(-1));
    await guest.powerOff();
    expect(await guest.check()).toMatchObject({ good: true });
  });
});
