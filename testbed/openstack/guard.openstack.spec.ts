// The worker dies where it hurts: between QEMU's switch to a new layer and the move of `disk`, with Nova starting the server
// at once; and between an image's end and its journal's.
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../services/until.ts';
import { downloadImage, openCloud, type Cloud } from './index.ts';
import type { ProtectedServer } from './protected-server.ts';
import { startVarve, type Varve } from './varve.ts';

const GUARD = resolve(import.meta.dirname, '../../packaging/libvirt/varve-guard');

let cloud: Cloud;
let varve: Varve;
let server: ProtectedServer;

beforeAll(async () => {
  cloud = await openCloud();
  varve = await startVarve(cloud);
  const settings = join(varve.cluster.root, 'worker.env');
  const { VARVE_TEST_HALT_FILE: _, ...env } = varve.cluster.worker.env;
  writeFileSync(
    settings,
    Object.entries(env)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  );
  writeFileSync(cloud.file.hook, `#!/bin/sh\nVARVE_SETTINGS=${settings} exec ${GUARD} "$@"\n`);
  chmodSync(cloud.file.hook, 0o755);
  server = await varve.protect(await cloud.boot());
});
afterAll(async () => {
  if (cloud) rmSync(cloud.file.hook, { force: true });
  await varve?.close();
  await cloud?.close();
});

describe('a worker killed after the switch and before the move of `disk`', () => {
  it.each(['a fresh server', 'one that has a snapshot'])('costs %s nothing that was flushed', async () => {
    await server.server.wrote(100);
    writeFileSync(varve.haltFile, 'point disk at overlay:begin');
    const { operationId } = await server.client.createSnapshot(server.id, { quiesce: 'none' });
    const { worker } = varve.cluster;
    await until('the worker has stopped itself', () => varve.workerIsHalted(), { deadlineMs: 60_000 });
    // What is written now is in the new layer alone.
    await server.server.wrote(200);
    await worker.kill();

    await server.server.rebootHard();

    const state = await server.server.state();
    expect(state.good ? 'good' : state.text).toBe('good');
    await server.server.load();
    worker.start();
    expect(await server.finished(operationId)).toMatchObject({ state: 'succeeded' });
    await server.expectSound();
    await server.snapshotWell();
  });
});

describe('a worker killed when Glance has an image and nothing on the host says so', () => {
  it('does not make another, and has not lost it', async () => {
    const point = await server.snapshotWell();
    writeFileSync(varve.haltFile, 'send image:unrecorded');
    const { id } = await server.client.exportSnapshot(point.snapshot.uid, { name: 'made once' });
    await until('the worker has stopped itself', () => varve.workerIsHalted(), { deadlineMs: 60_000 });
    await varve.cluster.worker.kill();
    varve.cluster.worker.start();
    const { state, imageId } = await server.finished(id);
    expect(state).toBe('succeeded');
    const found = await cloud.admin.request('image', 'GET', `/v2/images?varve_operation=${id}`);
    expect(found['images']).toMatchObject([{ id: cloud.forget(imageId ?? ''), status: 'active' }]);
    const content = await downloadImage(cloud.demo, imageId ?? '');
    try {
      expect(await server.server.check(point, content)).toMatchObject({ good: true });
    } finally {
      rmSync(dirname(content), { recursive: true });
    }
  });
});

describe('without the hook, a worker killed after the switch', () => {
  it('costs what was written since', async () => {
    rmSync(cloud.file.hook);
    await server.server.wrote(100);
    writeFileSync(varve.haltFile, 'point disk at overlay:begin');
    await server.client.createSnapshot(server.id, { quiesce: 'none' });
    await until('the worker has stopped itself', () => varve.workerIsHalted(), { deadlineMs: 60_000 });
    await server.server.wrote(200);
    await varve.cluster.worker.kill();
    await server.server.rebootHard();
    expect(await server.server.state()).toMatchObject({ good: false });
  });
});
