import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { SnapshotView } from '@varve/contracts';
import { connect } from 'amqplib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { act, openCloud } from '../../../testbed/openstack/index.ts';
import type { Cloud, ProvingServer } from '../../../testbed/openstack/index.ts';
import type { Point, ProtectedServer } from '../../../testbed/openstack/protected-server.ts';
import { startVarve } from '../../../testbed/openstack/varve.ts';
import type { Varve } from '../../../testbed/openstack/varve.ts';
import { until } from './kit/until.js';

// The whole product, as built, hears of what a server's owner does to it.

const KEEP_S = 60;
const QUEUE = `varve.spec.${crypto.randomUUID()}`;
let cloud: Cloud;
let varve: Varve;
let proving: ProvingServer;
let server: ProtectedServer;
const points: Point[] = [];

beforeAll(async () => {
  cloud = await openCloud();
  varve = await startVarve(cloud, {
    conductorEnv: {
      VARVE_COMPUTE: 'nova',
      VARVE_NOVA_AMQP_URL: cloud.file.amqpUrl,
      VARVE_NOVA_QUEUE: QUEUE,
      VARVE_RECONCILE_INTERVAL_S: '5',
      VARVE_ORPHAN_KEEP_DAYS: String(KEEP_S / 86_400),
    },
  });
  proving = await cloud.boot({ name: 'hc-life' });
  server = await varve.protect(proving);
});
afterAll(async () => {
  await varve?.close();
  if (cloud) await forgetQueue(cloud.file.amqpUrl);
  await cloud?.close();
});

/** Nova's broker would go on filling it. */
async function forgetQueue(amqpUrl: string): Promise<void> {
  const connection = await connect(amqpUrl);
  const channel = await connection.createChannel();
  await channel.deleteQueue(QUEUE);
  await connection.close();
}

const unsupported = async (): Promise<string | null> =>
  (await server.client.instance(server.id)).unsupported?.code ?? null;
async function snapshots(): Promise<SnapshotView[]> {
  const all: SnapshotView[] = [];
  for await (const one of server.client.snapshots(server.id)) all.push(one);
  return all;
}
const filesInStore = async (): Promise<string[]> => {
  const entries = await readdir(join(varve.cluster.root, 'store'), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile() && entry.parentPath.includes(server.id)).map(({ name }) => name);
};

describe('the life of a server', () => {
  it('begins with snapshots', async () => {
    points.push(await server.snapshotWell(), await server.snapshotWell());
  });

  it('goes on after a rescue, during which there are none', async () => {
    await act(cloud.admin, server.id, { rescue: {} });
    await proving.waitFor('RESCUE');
    await until('it is known', async () => (await unsupported()) === 'instance_rescued');
    await expect(server.client.createSnapshot(server.id, {})).rejects.toMatchObject({ code: 'instance_rescued' });
    await act(cloud.admin, server.id, { unrescue: null });
    await proving.waitFor('ACTIVE');
    await until('it is known', async () => (await unsupported()) === null);
  });

  it('starts anew with a rebuild: the next snapshot stands on the base image, and older points can be gone back to', async () => {
    await act(cloud.admin, server.id, { rebuild: { imageRef: await cloud.imageId() } });
    await proving.waitFor('ACTIVE');
    // Its host had none for a moment, and has to report it again.
    await until('it is reported', async () => (await server.client.instance(server.id)).state === 'running');
    const snapshot = async () => {
      const { uid, operationId } = await server.client.createSnapshot(server.id, {});
      return { operation: await server.finished(operationId), point: await server.client.snapshot(uid) };
    };
    const first = await snapshot();
    expect(first).toMatchObject({ operation: { state: 'succeeded', chainLength: 2 }, point: { backingUid: null } });
    expect(await snapshot()).toMatchObject({
      operation: { state: 'succeeded' },
      point: { backingUid: first.point.layerUid },
    });

    const older = points[1];
    if (!older) throw new Error('there is no older point');
    const { id } = await server.client.createRollback(server.id, { snapshotUid: older.snapshot.uid });
    expect(await server.finished(id)).toMatchObject({ state: 'succeeded', problem: null });
    await proving.waitFor('ACTIVE');
  });

  it('ends, and its points a while later, with everything in the store', async () => {
    expect(await filesInStore()).not.toEqual([]);
    await cloud.delete(proving);
    await until('it is known', async () => (await unsupported()) === 'instance_deleted');
    expect((await snapshots()).filter(({ status }) => status === 'available').length).toBeGreaterThanOrEqual(4);
    await until('nothing is left of it', async () => (await filesInStore()).length === 0, (KEEP_S + 120) * 1_000);
    expect(await snapshots()).toEqual([]);
  });
});
