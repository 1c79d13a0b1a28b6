import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createObjectStore, S3StoreConfig } from '@varve/adapters';
import { StoreRefusedError, StoreUnavailableError } from '@varve/core';
import type { InstanceId, LayerUid, ProjectId } from '@varve/core';
import type { LayerSource } from '@varve/ports';
import { FakeObjectStore, watched } from '@varve/ports/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startServices } from '../../../testbed/services/services.js';
import type { Services } from '../../../testbed/services/services.js';
import { DataMapError } from './data-map.js';
import { FRAME_BYTES_AT_MOST } from './frames.js';
import { ZstdLayerStore } from './zstd-layer-store.js';

const MIB = 2 ** 20;
let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'varve-layer-faults-'));
  path = join(folder, 'layer.qcow2');
  await writeFile(path, randomBytes(64 * MIB));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const source = (): LayerSource => ({
  uid: randomUUID() as LayerUid,
  instanceId: randomUUID() as InstanceId,
  projectId: 'project' as ProjectId,
  backing: { kind: 'none' },
  path,
  extents: [[0, MIB, 0]],
  virtualSizeBytes: 2 ** 30,
  clusterBytes: 65_536,
  consistency: 'crash',
  sealedAt: '2026-11-22T12:00:00Z',
  tools: {},
});
const config = { partBytes: 8 * MIB, partsInFlight: 4 };

/** How long it takes to fail, in milliseconds. */
async function failing(promise: Promise<unknown>, expected: unknown): Promise<number> {
  const began = performance.now();
  await expect(promise).rejects.toBe(expected);
  return performance.now() - began;
}

/** Holds each that comes until so many are there together: how fast they come is up to the machine. */
function gathering(size: number): () => Promise<void> {
  let arrived = 0;
  let release = (): void => undefined;
  const complete = new Promise<void>((resolve) => (release = resolve));
  // Fewer are let go after all: what the test then finds says more than a test that hangs.
  const timer = setTimeout(() => release(), 60_000);
  return () => {
    if (++arrived === size) {
      clearTimeout(timer);
      release();
    }
    return complete;
  };
}

describe('a store in trouble', () => {
  it.each([
    ['down', StoreUnavailableError],
    ['refusing', StoreRefusedError],
  ] as const)('%s: said, and nothing is visible', async (mode, expected) => {
    const objects = new FakeObjectStore();
    const layers = new ZstdLayerStore(objects, config);
    objects.mode = mode;
    await expect(layers.upload(source())).rejects.toBeInstanceOf(expected);
    objects.mode = 'up';
    objects.before = ({ part }) => {
      if (part === 3) objects.mode = mode;
    };
    await expect(layers.upload(source())).rejects.toBeInstanceOf(expected);
    expect(objects.keys).toEqual([]);
  });

  it.each([['put'], ['complete'], ['stat'], ['openUpload'], ['get']] as const)(
    'hanging at %s: whoever gives up does not wait for it',
    async (method) => {
      const objects = new FakeObjectStore();
      const controller = new AbortController();
      const reason = new Error('given up');
      objects.before = (call) => {
        if (call.method !== method) return;
        objects.mode = 'hanging';
        // Once the call hangs, and not before.
        setTimeout(() => controller.abort(reason), 50);
      };
      const upload = new ZstdLayerStore(objects, config).upload(source(), { signal: controller.signal });
      expect(await failing(upload, reason)).toBeLessThan(30_000);
      expect(objects.keys.filter((key) => key.endsWith('.json'))).toEqual([]);
    },
  );

  it('hanging while a layer is read: whoever gives up does not wait for it', async () => {
    const objects = new FakeObjectStore();
    const layers = new ZstdLayerStore(objects, config);
    const stored = await layers.upload(source());
    const [manifest] = await layers.manifests([stored]);
    if (!manifest) throw new Error('no manifest');
    objects.mode = 'hanging';
    const controller = new AbortController();
    const reason = new Error('given up');
    const reading = (async () => {
      const runs = [{ fileOffset: 0, length: manifest.fileBytes }];
      for await (const _ of layers.read(manifest, runs, { signal: controller.signal })) throw new Error('no bytes');
    })();
    setTimeout(() => controller.abort(reason), 50);
    expect(await failing(reading, reason)).toBeLessThan(30_000);
    const asked = layers.manifests([stored], { signal: AbortSignal.abort(reason) });
    expect(await failing(asked, reason)).toBeLessThan(30_000);
  });

  it('is not asked at all by who has given up before', async () => {
    const objects = new FakeObjectStore();
    const reason = new Error('given up');
    const upload = new ZstdLayerStore(objects).upload(source(), { signal: AbortSignal.abort(reason) });
    await failing(upload, reason);
    expect(objects.traffic.calls).toBe(0);
  });

  it('says another size in the end: not stored', async () => {
    const objects = new FakeObjectStore();
    objects.before = ({ method, key }) => {
      if (method === 'stat') objects.truncate(key, 1000);
    };
    await expect(new ZstdLayerStore(objects, config).upload(source())).rejects.toMatchObject({
      code: 'object_corrupt',
    });
    expect(objects.keys.filter((key) => key.endsWith('.json'))).toEqual([]);
  });

  it('gives back another manifest than was put there: not stored', async () => {
    const objects = new FakeObjectStore();
    objects.before = ({ method, key }) => {
      if (method === 'get' && objects.keys.includes(key)) objects.corrupt(key, 10);
    };
    await expect(new ZstdLayerStore(objects, config).upload(source())).rejects.toMatchObject({
      code: 'object_corrupt',
    });
  });
});

describe('an upload', () => {
  it('holds no more in memory than it was allowed, however slow the store', async () => {
    const objects = createObjectStore({ kind: 'filesystem', root: folder, mountRequired: false });
    let underWay = 0;
    let most = 0;
    let peakBytes = 0;
    const together = gathering(3);
    const { store } = watched(objects, async ({ method }) => {
      if (method !== 'put part') return;
      most = Math.max(most, ++underWay);
      await together();
      // Slow from there on: room for one too many.
      await new Promise((resolve) => setTimeout(resolve, 50));
      peakBytes = Math.max(peakBytes, process.memoryUsage().arrayBuffers);
      underWay--;
    });
    const before = process.memoryUsage().arrayBuffers;
    const memoryBytes = 3 * (4 * MIB + FRAME_BYTES_AT_MOST);
    const layers = new ZstdLayerStore(store, { partBytes: 4 * MIB, partsInFlight: 8, memoryBytes });
    await layers.delete(await layers.upload(source()));
    expect(most).toBe(3);
    // The parts, what is being read and compressed, and what nobody has collected yet.
    expect(peakBytes - before).toBeLessThan(memoryBytes + 24 * MIB);
  });

  it('sends as many parts at once as it was told, and no more', async () => {
    let underWay = 0;
    let most = 0;
    const together = gathering(4);
    const { store } = watched(new FakeObjectStore(), async ({ method }) => {
      if (method !== 'put part') return;
      most = Math.max(most, ++underWay);
      await together();
      underWay--;
    });
    await new ZstdLayerStore(store, { partBytes: 5 * MIB, partsInFlight: 4 }).upload(source());
    expect(most).toBeGreaterThanOrEqual(4);
    // One more than is sent is being filled, and may be full.
    expect(most).toBeLessThanOrEqual(5);
  });

  it('of a file that is not there fails before anything is sent', async () => {
    const objects = new FakeObjectStore();
    const missing = { ...source(), path: join(folder, 'missing') };
    await expect(new ZstdLayerStore(objects).upload(missing)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(objects.traffic.sent).toEqual([]);
  });

  it('says so when the tool that finds the holes is missing', async () => {
    const before = process.env['PATH'];
    process.env['PATH'] = '/nonexistent';
    try {
      await expect(new ZstdLayerStore(new FakeObjectStore()).upload(source())).rejects.toBeInstanceOf(DataMapError);
    } finally {
      process.env['PATH'] = before;
    }
  });
});

describe('Swift, killed while a layer is sent', () => {
  let services: Services;
  let stateDir: string;
  beforeAll(async () => {
    stateDir = await mkdtemp('/var/tmp/varve-layer-faults-');
    services = await startServices({ stateDir, which: ['swift'] });
  });
  afterAll(async () => {
    await services?.stop();
    await rm(stateDir, { recursive: true, force: true });
  });

  it('is away within the deadline; when it is back, the rest is sent and nothing twice', async () => {
    const { endPoint, port, ...settings } = await services.createBucket('killed');
    const s3 = S3StoreConfig.parse({ kind: 's3', endpoint: `http://${endPoint}:${port}`, ...settings, attempts: 3 });
    // With the time that a busy Swift may take, before and after; only the one that is away is asked in a hurry.
    const objects = createObjectStore(s3);
    const hasty = createObjectStore({ ...s3, deadlineMs: 2_000 });
    let killed: Promise<void> | null = null;
    const first = watched(objects, async ({ method, part }) => {
      if (method === 'put part' && part >= 8) await (killed ??= services.swift.stop());
    });
    const layer = source();
    const small = { partBytes: 5 * MIB };
    const uploading = new ZstdLayerStore(first.store, small).upload(layer);
    await expect(uploading).rejects.toBeInstanceOf(StoreUnavailableError);
    const began = performance.now();
    await expect(new ZstdLayerStore(hasty, small).upload(layer)).rejects.toBeInstanceOf(StoreUnavailableError);
    expect(performance.now() - began).toBeLessThan(30_000);

    await services.swift.start();
    const second = watched(objects);
    const stored = await new ZstdLayerStore(second.store, small).upload(layer);
    const sent = (calls: typeof first.seen): number[] =>
      calls.filter((call) => call.method === 'put part').map((call) => call.part);
    expect(sent(first.seen).length).toBeGreaterThan(0);
    expect(sent(second.seen).length).toBeGreaterThan(0);
    // A part may have arrived without our hearing of it.
    expect(sent(first.seen).length + sent(second.seen).length).toBeLessThanOrEqual(13);
    expect(sent(second.seen).filter((part) => sent(first.seen).includes(part))).toEqual([]);

    const [manifest] = await new ZstdLayerStore(objects).manifests([stored]);
    if (!manifest) throw new Error('no manifest');
    const pieces: Buffer[] = [];
    const runs = [{ fileOffset: 0, length: stored.fileBytes }];
    for await (const { bytes } of new ZstdLayerStore(objects).read(manifest, runs)) pieces.push(Buffer.from(bytes));
    expect(Buffer.concat(pieces).equals(await readFile(path))).toBe(true);
  });
});
