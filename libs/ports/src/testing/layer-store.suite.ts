import { execFile } from 'node:child_process';
import { hash, randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, open, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ManifestUnusableError, ObjectCorruptError, ObjectMissingError, StoreUnavailableError } from '@varve/core';
import type { Extent, InstanceId, LayerUid, ProjectId } from '@varve/core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { FileRun, LayerSource, LayerStore, StoredLayer } from '../layer-store.port.js';
import type { ObjectStore } from '../object-store.port.js';
import { watched } from './watched-object-store.js';
import type { Seen } from './watched-object-store.js';

const run = promisify(execFile);
const MIB = 2 ** 20;

/**
 * What callers of a layer store rely on, over any object store. Needs the `zstd` command.
 *
 * @param makeObjects - a store that can be used; others may have objects in it
 * @param makeLayers - the layer store under test, on a store that is that one or wraps it
 */
export function runLayerStoreSuite(
  name: string,
  makeObjects: () => Promise<ObjectStore>,
  makeLayers: (objects: ObjectStore) => LayerStore,
): void {
  describe(`layer store on ${name}`, () => {
    let folder: string;
    let objects: ObjectStore;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'varve-layers-'));
    });
    afterAll(() => rm(folder, { recursive: true, force: true }));
    beforeEach(async () => {
      objects = await makeObjects();
    });

    /** A layer file with data at some offsets, and holes elsewhere. */
    const layerFile = async (sizeBytes: number, data: readonly [offset: number, bytes: Buffer][]): Promise<string> => {
      const path = join(folder, randomUUID());
      const file = await open(path, 'w');
      await file.truncate(sizeBytes);
      for (const [offset, bytes] of data) await file.write(bytes, 0, bytes.length, offset);
      await file.close();
      return path;
    };
    const sourceOf = (path: string, more: Partial<LayerSource> = {}): LayerSource => ({
      uid: randomUUID() as LayerUid,
      instanceId: randomUUID() as InstanceId,
      projectId: 'project' as ProjectId,
      backing: { kind: 'base', sha256: hash('sha256', 'base'), sizeBytes: 2 ** 30, format: 'qcow2' },
      path,
      extents: [],
      virtualSizeBytes: 2 ** 34,
      clusterBytes: 65_536,
      consistency: 'crash',
      sealedAt: '2026-11-22T12:00:00.000Z',
      tools: { qemu: '7.2.22' },
      ...more,
    });
    const refOf = ({ uid, manifestKey, manifestSha256 }: StoredLayer) => ({ uid, manifestKey, manifestSha256 });
    const manifestOf = async (layers: LayerStore, stored: StoredLayer) => {
      const [manifest] = await layers.manifests([refOf(stored)]);
      if (!manifest) throw new Error('no manifest');
      return manifest;
    };
    const readAll = async (
      layers: LayerStore,
      stored: StoredLayer,
      runs: readonly FileRun[],
      options?: Parameters<LayerStore['read']>[2],
    ): Promise<Buffer> => {
      const manifest = await manifestOf(layers, stored);
      const pieces: Buffer[] = [];
      let [expected] = runs.map((run) => run.fileOffset);
      const queue = [...runs];
      for await (const { fileOffset, bytes } of layers.read(manifest, runs, options)) {
        while (queue[0] && expected === queue[0].fileOffset + queue[0].length) {
          queue.shift();
          expected = queue[0]?.fileOffset;
        }
        expect(fileOffset).toBe(expected);
        expected = fileOffset + bytes.length;
        pieces.push(Buffer.from(bytes));
      }
      return Buffer.concat(pieces);
    };
    /** What the plain tools of any Linux make of the object. */
    const unpacked = async (stored: StoredLayer): Promise<Buffer> => {
      const packed = join(folder, `${stored.uid}.zst`);
      const plain = join(folder, `${stored.uid}.plain`);
      await writeFile(packed, await objects.getRange(stored.objectKey, 0, stored.objectBytes));
      await run('zstd', ['-d', '-q', '-f', packed, '-o', plain]);
      const bytes = await readFile(plain);
      await rm(packed);
      await rm(plain);
      return bytes;
    };
    const sentTo = (seen: readonly Seen[], key: string): Seen[] =>
      seen.filter((call) => call.key === key && (call.method === 'put' || call.method === 'put part'));
    const bytesOf = (calls: readonly Seen[]): number => calls.reduce((sum, call) => sum + call.bytes, 0);
    const uploadsOf = async (key: string): Promise<string[]> => {
      const keys: string[] = [];
      for await (const upload of objects.listUploads(key)) keys.push(upload.key);
      return keys;
    };

    it.each([
      ['nothing at all', 0],
      ['one byte', 1],
      ['a frame', MIB],
      ['a frame and a byte', MIB + 1],
      ['some frames', 5 * MIB + 12_345],
    ])('gives back a file of %s, with zstd alone and by ranges', async (_, sizeBytes) => {
      const plain = Buffer.concat([randomBytes(sizeBytes >> 1), Buffer.alloc(sizeBytes - (sizeBytes >> 1), 'layer ')]);
      const path = await layerFile(sizeBytes, [[0, plain]]);
      const layers = makeLayers(objects);
      const source = sourceOf(path);
      const stored = await layers.upload(source);
      expect(stored).toEqual({
        uid: source.uid,
        backingUid: null,
        baseSha256: hash('sha256', 'base'),
        objectKey: `project/${source.instanceId}/layers/${source.uid}.qcow2.zst`,
        manifestKey: `project/${source.instanceId}/layers/${source.uid}.json`,
        manifestSha256: hash('sha256', (await objects.get(stored.manifestKey)) ?? ''),
        sha256: hash('sha256', plain),
        objectBytes: (await objects.stat(stored.objectKey))?.sizeBytes,
        fileBytes: sizeBytes,
        changedBytes: 0,
        virtualSizeBytes: 2 ** 34,
      });
      expect((await unpacked(stored)).equals(plain)).toBe(true);
      expect((await readAll(layers, stored, [{ fileOffset: 0, length: sizeBytes }])).equals(plain)).toBe(true);
    });

    it('says in the manifest all that is needed to go back', async () => {
      const extents: Extent[] = [
        [0, 65_536, 327_680],
        [1_048_576, 4_096, -1],
        [2_097_152, 131_072, 393_216],
      ];
      const path = await layerFile(2 * MIB, [[327_680, randomBytes(300_000)]]);
      const below = randomUUID() as LayerUid;
      const source = sourceOf(path, { extents, backing: { kind: 'layer', uid: below }, consistency: 'filesystem' });
      const layers = makeLayers(objects);
      const stored = await layers.upload(source);
      expect(stored).toMatchObject({ backingUid: below, baseSha256: null, changedBytes: 65_536 + 4_096 + 131_072 });
      const manifest = await manifestOf(layers, stored);
      const { path: _, ...described } = source;
      expect(manifest).toMatchObject({ version: 1, ...described, fileBytes: 2 * MIB, sha256: stored.sha256 });
      expect(manifest.frames).toHaveLength(2);
    });

    it('sends no holes: 12 MiB of data in a file of 171 MiB', async () => {
      const pieces = Array.from({ length: 192 }, (_, i): [number, Buffer] => [
        Math.floor((i * 171) / 192) * MIB + (i % 7) * 65_536,
        randomBytes(65_536),
      ]);
      const path = await layerFile(171 * MIB, pieces);
      const { store, seen } = watched(objects);
      const layers = makeLayers(store);
      const stored = await layers.upload(sourceOf(path));
      expect(bytesOf(sentTo(seen, stored.objectKey))).toBe(stored.objectBytes);
      expect(stored.objectBytes).toBeLessThan(12 * MIB * 1.01);
      const plain = await readFile(path);
      expect(stored.sha256).toBe(hash('sha256', plain));
      expect((await unpacked(stored)).equals(plain)).toBe(true);
    });

    it('fetches the frames that are asked for, each once, and none that are zeros', async () => {
      const plain = randomBytes(40 * MIB);
      plain.fill(0, 10 * MIB, 20 * MIB);
      const path = await layerFile(plain.length, [
        [0, plain.subarray(0, 10 * MIB)],
        [20 * MIB, plain.subarray(20 * MIB)],
      ]);
      const { store, seen } = watched(objects);
      const layers = makeLayers(store);
      const stored = await layers.upload(sourceOf(path));
      const { frames } = await manifestOf(layers, stored);
      const runs: FileRun[] = [
        { fileOffset: 100, length: 50 },
        { fileOffset: 200, length: 0 },
        { fileOffset: 4_000, length: 2 * MIB },
        { fileOffset: 9.5 * MIB, length: 12 * MIB },
        { fileOffset: 21.75 * MIB, length: 16 },
        { fileOffset: 40 * MIB - 1, length: 1 },
      ];
      const wanted = [0, 1, 2, 9, 20, 21, 39].reduce((sum, i) => sum + (frames[i]?.length ?? 0), 0);
      seen.length = 0;
      let fetched = 0;
      const progress: [number, number][] = [];
      const bytes = await readAll(layers, stored, runs, {
        onFetched: (more) => (fetched += more),
        onProgress: (...told) => progress.push(told),
      });
      const expected = Buffer.concat(runs.map((r) => plain.subarray(r.fileOffset, r.fileOffset + r.length)));
      expect(bytes.equals(expected)).toBe(true);
      expect(fetched).toBe(wanted);
      expect(progress.at(-1)).toEqual([wanted, wanted]);
      const ranges = seen.filter((call) => call.method === 'getRange');
      expect(bytesOf(ranges)).toBe(wanted);
      // 0-2, 9, 20-21 and 39 lie together.
      expect(ranges).toHaveLength(4);
    });

    it('leaves a layer alone that is there', async () => {
      const path = await layerFile(3 * MIB, [[MIB, randomBytes(MIB)]]);
      const { store, seen } = watched(objects);
      const layers = makeLayers(store);
      const source = sourceOf(path);
      const first = await layers.upload(source);
      seen.length = 0;
      expect(await layers.upload(source)).toEqual(first);
      expect(seen.filter((call) => call.method !== 'get')).toEqual([]);
      // Another layer under its uid is a mistake that must not go unnoticed.
      const other = { ...source, sealedAt: '2026-11-23T12:00:00.000Z' };
      await expect(layers.upload(other)).rejects.toBeInstanceOf(ManifestUnusableError);
    });

    it('goes on where an earlier life stopped, and sends nothing twice', async () => {
      const plain = randomBytes(45 * MIB);
      const path = await layerFile(60 * MIB, [
        [0, plain.subarray(0, 20 * MIB)],
        [30 * MIB, plain.subarray(20 * MIB)],
      ]);
      const source = sourceOf(path);
      const controller = new AbortController();
      let parts = 0;
      const before = watched(objects, ({ method }) => {
        if (method === 'put part' && ++parts === 5) controller.abort(new Error('the worker stops'));
      });
      const stopped = makeLayers(before.store).upload(source, { signal: controller.signal });
      await expect(stopped).rejects.toThrow('the worker stops');
      // Requests that were under way still arrive; a dead process would not wait for them either.
      await expect
        .poll(() => before.seen.filter((call) => call.method === 'put part').length, { timeout: 60_000 })
        .toBe(parts);
      const objectKey = `project/${source.instanceId}/layers/${source.uid}.qcow2.zst`;
      expect(await objects.stat(objectKey)).toBeNull();
      expect(await uploadsOf(objectKey)).toEqual([objectKey]);

      const after = watched(objects);
      const stored = await makeLayers(after.store).upload(source);
      const sentBefore = sentTo(before.seen, objectKey);
      const sentAfter = sentTo(after.seen, objectKey);
      expect(sentBefore.length).toBeGreaterThanOrEqual(4);
      expect(bytesOf(sentBefore) + bytesOf(sentAfter)).toBe(stored.objectBytes);
      const numbers = [...sentBefore, ...sentAfter].map((call) => call.part);
      expect(new Set(numbers).size).toBe(numbers.length);
      expect((await unpacked(stored)).equals(await readFile(path))).toBe(true);
      expect(await uploadsOf(objectKey)).toEqual([]);
    });

    it('replaces what an earlier life left behind without a manifest', async () => {
      const path = await layerFile(2 * MIB, [[0, randomBytes(2 * MIB)]]);
      const source = sourceOf(path);
      const objectKey = `project/${source.instanceId}/layers/${source.uid}.qcow2.zst`;
      await objects.put(objectKey, Buffer.from('half an object of another time'));
      const stored = await makeLayers(objects).upload(source);
      expect((await unpacked(stored)).equals(await readFile(path))).toBe(true);
    });

    it('writes the manifest last, and nothing under it when the object could not be stored', async () => {
      const path = await layerFile(20 * MIB, [[0, randomBytes(20 * MIB)]]);
      const source = sourceOf(path);
      const failing = watched(objects, ({ method, part }) => {
        if (method === 'put part' && part === 2) throw new StoreUnavailableError('away');
      });
      const layers = makeLayers(failing.store);
      await expect(layers.upload(source)).rejects.toBeInstanceOf(StoreUnavailableError);
      const objectKey = `project/${source.instanceId}/layers/${source.uid}.qcow2.zst`;
      expect(await objects.get(objectKey.replace('.qcow2.zst', '.json'))).toBeNull();

      const { store, seen } = watched(objects);
      const stored = await makeLayers(store).upload(source);
      const order = seen.filter((call) => call.method !== 'get').map((call) => call.key);
      expect(order.lastIndexOf(objectKey)).toBeLessThan(order.indexOf(stored.manifestKey));
    });

    it('does not store a file that was written to meanwhile', async () => {
      // More than is held in memory, so that not all was read when the first part is sent.
      const path = await layerFile(40 * MIB, [[0, randomBytes(40 * MIB)]]);
      const source = sourceOf(path);
      const { store } = watched(objects, async ({ method }) => {
        if (method === 'put part') await utimes(path, new Date(), new Date());
      });
      await expect(makeLayers(store).upload(source)).rejects.toMatchObject({ code: 'chain_diverged' });
      const manifestKey = `project/${source.instanceId}/layers/${source.uid}.json`;
      expect(await objects.get(manifestKey)).toBeNull();
      await truncate(path, MIB);
    });

    it('stores two layers at once', async () => {
      const paths = await Promise.all([1, 2].map((n) => layerFile(20 * MIB, [[n * MIB, randomBytes(18 * MIB)]])));
      const layers = makeLayers(objects);
      const stored = await Promise.all(paths.map((path) => layers.upload(sourceOf(path))));
      for (const [i, path] of paths.entries()) {
        const layer = stored[i];
        if (!layer) throw new Error('not stored');
        expect((await unpacked(layer)).equals(await readFile(path))).toBe(true);
      }
      const found = await layers.manifests(stored.toReversed().map(refOf));
      expect(found.map((manifest) => manifest.uid)).toEqual(stored.toReversed().map((layer) => layer.uid));
    });

    it('tells how far it is, and in the end that it is done', async () => {
      const path = await layerFile(40 * MIB, [[0, randomBytes(30 * MIB)]]);
      const told: number[] = [];
      await makeLayers(objects).upload(sourceOf(path), {
        onProgress: (done, total) => {
          expect(total).toBe(40 * MIB);
          told.push(done);
        },
      });
      expect(told.length).toBeGreaterThan(1);
      expect(told).toEqual([...told].sort((a, b) => a - b));
      expect(told.at(-1)).toBe(40 * MIB);
    });

    describe('with a stored layer', () => {
      let layers: LayerStore;
      let stored: StoredLayer;
      let plain: Buffer;
      beforeEach(async () => {
        plain = Buffer.concat([randomBytes(2 * MIB), Buffer.alloc(2 * MIB, 'compressible')]);
        layers = makeLayers(objects);
        stored = await layers.upload(sourceOf(await layerFile(plain.length, [[0, plain]])));
      });
      const whole = [{ fileOffset: 0, length: 4 * MIB }];

      it('does not take another manifest for the one on record', async () => {
        const bytes = (await objects.get(stored.manifestKey)) ?? Buffer.alloc(0);
        const other = Buffer.from(bytes.toString().replace('"crash"', '"filesystem"'));
        await objects.put(stored.manifestKey, other);
        await expect(layers.manifests([refOf(stored)])).rejects.toBeInstanceOf(ManifestUnusableError);
        // Nor one that a catalog would know and that says what can't be.
        const impossible = Buffer.from(bytes.toString().replace(/"frames":\[\{"offset":0/, '"frames":[{"offset":1'));
        await objects.put(stored.manifestKey, impossible);
        const ref = { ...refOf(stored), manifestSha256: hash('sha256', impossible) };
        await expect(layers.manifests([ref])).rejects.toBeInstanceOf(ManifestUnusableError);
        await objects.delete(stored.manifestKey);
        await expect(layers.manifests([refOf(stored)])).rejects.toBeInstanceOf(ObjectMissingError);
      });

      it.each([
        ['in bytes that were not compressed', 0.25],
        ['in compressed ones', 0.999],
      ])('notices a bit that turned over %s, before giving out any byte of its frame', async (_, where) => {
        const { frames } = await manifestOf(layers, stored);
        const bytes = await objects.getRange(stored.objectKey, 0, stored.objectBytes);
        const last = frames.at(-1);
        const at = where < 0.5 ? Math.floor(stored.objectBytes * where) : (last?.offset ?? 0) + 20;
        bytes.writeUInt8(bytes.readUInt8(at) ^ 4, at);
        await objects.put(stored.objectKey, bytes);
        const damaged = frames.findIndex((frame) => at < frame.offset + frame.length);
        const given: number[] = [];
        const reading = (async () => {
          for await (const piece of layers.read(await manifestOf(layers, stored), whole)) given.push(piece.fileOffset);
        })();
        await expect(reading).rejects.toBeInstanceOf(ObjectCorruptError);
        expect(given.every((fileOffset) => fileOffset < damaged * MIB)).toBe(true);
      });

      it('notices an object that was cut off, and one that is gone', async () => {
        const bytes = await objects.getRange(stored.objectKey, 0, stored.objectBytes);
        await objects.put(stored.objectKey, bytes.subarray(0, MIB + 5));
        await expect(readAll(layers, stored, whole)).rejects.toBeInstanceOf(ObjectCorruptError);
        await objects.delete(stored.objectKey);
        await expect(readAll(layers, stored, whole)).rejects.toBeInstanceOf(ObjectMissingError);
      });

      it('reads no further when nobody listens any more', async () => {
        const manifest = await manifestOf(layers, stored);
        for await (const { bytes } of layers.read(manifest, whole)) {
          expect(bytes.equals(plain.subarray(0, bytes.length))).toBe(true);
          break;
        }
      });

      it('does not read what is not in the file, nor backwards', async () => {
        await expect(readAll(layers, stored, [{ fileOffset: 0, length: 4 * MIB + 1 }])).rejects.toThrow(RangeError);
        const backwards = [
          { fileOffset: MIB, length: 1 },
          { fileOffset: 0, length: 1 },
        ];
        await expect(readAll(layers, stored, backwards)).rejects.toThrow(RangeError);
      });

      it('deletes the manifest first, and all there is, however often it is asked to', async () => {
        const upload = await objects.openUpload(stored.objectKey);
        await upload.put(1, 0, randomBytes(1000));
        const { store, seen } = watched(objects);
        await makeLayers(store).delete(stored);
        const deleted = seen.filter((call) => call.method === 'delete').map((call) => call.key);
        expect(deleted).toEqual([stored.manifestKey, stored.objectKey]);
        expect(await objects.stat(stored.objectKey)).toBeNull();
        expect(await objects.stat(stored.manifestKey)).toBeNull();
        expect(await uploadsOf(stored.objectKey)).toEqual([]);
        await expect(layers.delete(stored)).resolves.toBeUndefined();
      });
    });
  });
}
