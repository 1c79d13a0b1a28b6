import { describe, expect, it } from 'vitest';
import type { ImageId, ProjectId, SnapshotUid } from '@varve/core';
import { Bench } from './testing/bench.js';
import type { BenchOptions, Blow, Fate } from './testing/bench.js';
import { STRIKES, sweep } from './testing/crash-sweep.js';
import { atRest, narrow } from './testing/scenarios.js';

const pointAt = (bench: Bench, index: number): SnapshotUid => {
  const uid = bench.pointUids.at(index);
  if (!uid) throw new Error('No restore point');
  return uid;
};

/** An export, whatever befalls it: one image with the right disk, or none. Then an ordinary snapshot. */
const exportOf =
  (index: number) =>
  async (bench: Bench, blow: Blow | null, fate: Fate): Promise<readonly string[]> => {
    const { outcome, images, wanted, announced, points } = await bench.export(pointAt(bench, index), { blow, fate });
    const problem = outcome.kind === 'failed' ? outcome.problem : null;
    expect(problem?.remedy ?? 'retry', problem?.message ?? '').toBe('retry');
    expect(problem !== null && fate !== 'store away', 'failed for nothing').toBe(false);
    expect(images).toEqual(problem ? [] : [wanted]);
    const [kept] = bench.images.images.keys();
    expect(announced.map(({ data }) => data)).toEqual(
      problem ? [] : [expect.objectContaining({ imageId: kept, snapshotUid: pointAt(bench, index) })],
    );
    if (bench.powerState() !== 'running') await bench.start();
    bench.writeSome();
    expect((await bench.snapshot()).available, 'the next snapshot').toBe(true);
    return points;
  };

async function fourPoints(options: BenchOptions = {}): Promise<Bench> {
  const bench = await atRest(options);
  await bench.snapshot();
  return bench;
}

async function stopped(bench: Bench): Promise<Bench> {
  await bench.stop();
  return bench;
}

async function withUnstoredData(bench: Bench): Promise<Bench> {
  await bench.snapshot({ storeDown: true });
  bench.writeSome();
  return bench;
}

async function queuedAfterBreak(): Promise<Bench> {
  const bench = await fourPoints();
  bench.images.afterBreak = 'queued';
  return bench;
}

const CASES: readonly { name: string; index: number; make: () => Promise<Bench> }[] = [
  { name: 'the newest point, which a local layer shows', index: -1, make: () => fourPoints() },
  { name: 'a point in the middle', index: -2, make: () => fourPoints() },
  { name: 'a point in the middle, Glance taking broken uploads back', index: -2, make: queuedAfterBreak },
  { name: 'the first point, stopped', index: 0, make: async () => stopped(await fourPoints()) },
  { name: 'the newest point, a failed one since', index: -1, make: async () => withUnstoredData(await fourPoints()) },
  { name: 'a point in the narrow case, a failed layer detached', index: -2, make: () => narrow(1) },
];

describe.each(CASES)('an export of $name', ({ index, make }) => {
  it.each(STRIKES)(
    '$name: in the end there is one image, right in every block, or none; the guest has not noticed',
    { timeout: 60_000 },
    (strike) => sweep(make, strike, exportOf(index)),
  );
});

describe('an export', () => {
  it('of what a local layer shows fetches nothing, and leaves the instance alone', async () => {
    const bench = await fourPoints();
    bench.isHurried = false;
    const before = bench.store.fetchedBytes;
    const { points } = await bench.export(pointAt(bench, -1));
    expect(bench.store.fetchedBytes).toBe(before);
    expect(points.filter((point) => /layer|record|disk|stop|start|commit/.test(point))).toEqual(
      ['before remove layer', 'after remove layer'], // of a file that was never made
    );
  });

  it('can be made where the base image is there and the instance is not', async () => {
    const bench = await fourPoints();
    await bench.stop();
    bench.instance = await bench.host.newInstance(); // which has no record, as little as one that is gone
    const { images, wanted } = await bench.export(pointAt(bench, 0));
    expect(images).toEqual([wanted]);
    expect(bench.host.diskFiles.layersOf(bench.instance)).toEqual([]);
  });

  it('takes nothing from a layer that is another file than the one on record', async () => {
    const bench = await fourPoints();
    const record = await bench.host.diskFiles.readRecord(bench.instance);
    const history = record?.files.at(-2);
    if (!record?.base || !history) throw new Error('No history layer');
    await bench.host.diskFiles.removeLayer(bench.instance, history.fileId);
    await bench.host.diskFiles.createLayer(bench.instance, bench.host.newFileId(), null, 0); // may have its inode
    await bench.host.diskFiles.createLayer(bench.instance, history.fileId, { kind: 'base', base: record.base }, 0);
    const { images, wanted } = await bench.export(pointAt(bench, -1));
    expect(images).toEqual([wanted]);
  });

  it('says which base image is missing, and has made nothing', async () => {
    const bench = await fourPoints();
    bench.host.diskFiles.findBase = () => Promise.resolve(null);
    const { outcome, images } = await bench.export(pointAt(bench, 0));
    expect(outcome).toMatchObject({ kind: 'failed', problem: { code: 'base_image_missing', remedy: 'call-operator' } });
    expect(images).toEqual([]);
  });

  it.each([
    [
      'sha512',
      (content: Buffer) => Buffer.concat([content.subarray(0, 4095), Buffer.from([1]), content.subarray(4096)]),
    ],
    ['sha256', (content: Buffer) => content.fill(1, 0, 1)],
    ['sha512', (content: Buffer) => content.subarray(0, -512)],
  ])('is taken back when Glance (%s) has something else than it was sent', async (algorithm, damage) => {
    const bench = await fourPoints();
    Object.assign(bench.images, { algorithm, damage });
    const { outcome, images } = await bench.export(pointAt(bench, -2));
    expect(outcome).toMatchObject({ kind: 'failed', problem: { code: 'image_damaged', remedy: 'retry' } });
    expect(images).toEqual([]);
    bench.images.damage = (content) => content;
    expect((await bench.export(pointAt(bench, -2))).outcome.kind).toBe('finished');
  });

  it('does not take what a life before the crash has sent, when that is damaged', async () => {
    const other = await fourPoints();
    const { points } = await other.export(pointAt(other, -2));
    const bench = await fourPoints();
    bench.images.damage = (content) => {
      bench.images.damage = (later) => later;
      return content.fill(1, 0, 1);
    };
    const blow = { at: points.indexOf('after upload image'), kind: 'kill worker' } as const;
    const { outcome, images, wanted } = await bench.export(pointAt(bench, -2), { blow });
    expect(outcome.kind).toBe('finished');
    expect(images).toEqual([wanted]);
  });

  it('gives up when Glance goes away, and waits with the end until the half image is deleted', async () => {
    const bench = await fourPoints();
    bench.onPoint = (point) => {
      if (point === 'amid upload image') bench.images.isDown = true;
    };
    const find = bench.images.find.bind(bench.images);
    let refused = 0;
    bench.images.find = (id) => {
      if (bench.images.isDown && ++refused > 3) bench.images.isDown = false;
      return find(id);
    };
    const { outcome, images } = await bench.export(pointAt(bench, -2));
    expect(outcome).toMatchObject({ kind: 'failed', problem: { code: 'service_unavailable' } });
    expect(images).toEqual([]);
  });

  it('can be cancelled while it sends', async () => {
    const bench = await fourPoints();
    bench.onPoint = (point) => {
      if (point === 'amid upload image') bench.cancel();
    };
    const { outcome, images } = await bench.export(pointAt(bench, -2));
    expect(outcome).toMatchObject({ kind: 'failed', problem: { code: 'cancelled' } });
    expect(images).toEqual([]);
  });

  it('inherits what says how the instance runs, and not what was said of the content', async () => {
    const bench = await fourPoints();
    const original = bench.host.newId() as ImageId;
    const properties = {
      hw_disk_bus: 'scsi',
      os_type: 'linux',
      img_config_drive: 'mandatory',
      img_signature: 'x',
      os_hash_value: 'x',
      owner_specified: 'x',
    };
    await bench.images.create({
      id: original,
      projectId: 'other' as ProjectId,
      name: 'the original',
      visibility: 'private',
      diskFormat: 'qcow2',
      minDisk: 7,
      minRam: 64,
      properties,
    });
    const content = (async function* () {
      yield Buffer.alloc(512);
    })();
    await bench.images.upload(original, content, { sizeBytes: 512 });
    Object.assign(bench.host.compute, { imageOf: () => Promise.resolve(original) });
    const images = bench.images.images;
    const uid = pointAt(bench, -1);
    const madeOf = async () => {
      await bench.export(uid);
      const made = [...images.values()].find(({ image }) => image.name === 'an image');
      return made?.image;
    };
    expect(await madeOf()).toMatchObject({
      projectId: 'demo',
      visibility: 'private',
      minDisk: 7,
      minRam: 64,
      properties: {
        hw_disk_bus: 'scsi',
        os_type: 'linux',
        img_config_drive: 'mandatory',
        varve_restore_point: uid,
        varve_instance: bench.instance,
        varve_taken_at: '2026-01-01T00:00:00Z',
        varve_operation: expect.any(String),
      },
    });
    const names = Object.keys((await madeOf())?.properties ?? {});
    expect(names.filter((name) => /signature|hash|owner/.test(name))).toEqual([]);
  });
});
