import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createObjectStore, S3StoreConfig } from '@varve/adapters';
import type { ObjectStore } from '@varve/ports';
import { FakeObjectStore, runLayerStoreSuite } from '@varve/ports/testing';
import { afterAll, beforeAll } from 'vitest';
import { freshBucket } from '../../../testbed/services/shared.js';
import { ZstdLayerStore } from './zstd-layer-store.js';

let root: string;
let s3: ObjectStore;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'varve-layer-store-'));
  const { endPoint, port, ...settings } = await freshBucket();
  s3 = createObjectStore(S3StoreConfig.parse({ kind: 's3', endpoint: `http://${endPoint}:${port}`, ...settings }));
});
afterAll(() => rm(root, { recursive: true, force: true }));

// Small parts, so that files of some tens of MiB have many.
const makeLayers = (objects: ObjectStore): ZstdLayerStore =>
  new ZstdLayerStore(objects, { partBytes: Math.max(objects.partLimits.minBytes, 2 ** 21) });

runLayerStoreSuite('the fake', async () => new FakeObjectStore({ minBytes: 2 ** 20 }), makeLayers);
runLayerStoreSuite(
  'a folder',
  async () => createObjectStore({ kind: 'filesystem', root, mountRequired: false }),
  makeLayers,
);
runLayerStoreSuite('s3 (Swift)', async () => s3, makeLayers);
