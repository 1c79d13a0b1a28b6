import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, freshVhost } from '../../../testbed/services/shared.ts';
import { act, createServer, deleteServer, openCloud, waitForStatus } from '../../../testbed/openstack/index.ts';
import type { Cloud } from '../../../testbed/openstack/index.ts';
import { ControlPlane } from './kit/control-plane.js';
import { newInstance } from './kit/fake-worker.js';
import type { FakeWorker } from './kit/fake-worker.js';
import { until } from './kit/until.js';

let cloud: Cloud;
/** Hears Nova's notifications, and hardly ever asks. */
let hearing: ControlPlane;
/** Only asks. */
let asking: ControlPlane;
let worker: FakeWorker;
let id: string;

const QUEUE = `varve.spec.${crypto.randomUUID()}`;

beforeAll(async () => {
  cloud = await openCloud();
  const { authUrl, logins, amqpUrl } = cloud.file;
  const keystone = {
    url: authUrl,
    username: logins.varve.user,
    password: logins.varve.password,
    project: logins.varve.project,
    userDomain: 'Default',
    projectDomain: 'Default',
    region: null,
    interface: 'public' as const,
    timeoutMs: 30_000,
  };
  const topics = ['notifications', 'versioned_notifications'];
  const plane = async (notified: boolean): Promise<ControlPlane> =>
    ControlPlane.start({
      databaseUrl: await freshDatabase(),
      amqpUrl: await freshVhost(),
      nova: {
        keystone,
        notifications: notified ? { amqpUrl, exchange: 'nova', topics, queue: QUEUE } : null,
        reconcileIntervalS: notified ? 3_600 : 2,
        orphanKeepDays: 1,
      },
    });
  [hearing, asking] = await Promise.all([plane(true), plane(false)]);
  const { flavors } = cloud.file;
  id = await createServer(cloud.demo, { name: 'hc-notified', flavor: flavors.small, imageId: await cloud.imageId() });
  cloud.adopt(id, cloud.demo);
  await waitForStatus(cloud.admin, id, 'ACTIVE');
  const reported = newInstance(cloud.demo.projectId, { id: id as never });
  worker = await hearing.host(cloud.file.host, [reported]);
  await asking.host(cloud.file.host, [reported]);
});
afterAll(async () => {
  await hearing?.stop();
  await asking?.stop();
  await cloud?.close();
});

/** What matters of it, but for the moments. */
async function known(plane: ControlPlane): Promise<object | undefined> {
  const [row] = await plane.rows(
    `select vm_state, f.host, f.name, root_request_id, deleted_at is not null as deleted, i.name as instance_name
     from compute_facts f join instances i on i.id = f.instance_id where i.id = $1`,
    [id],
  );
  return row;
}

/** Both ways of knowing end in this. */
async function bothKnow(expected: object): Promise<void> {
  for (const plane of [hearing, asking]) {
    const how = plane === hearing ? 'heard' : 'asked';
    await until(
      `${how}: ${JSON.stringify(expected)}`,
      async () => {
        const facts = await known(plane);
        return facts !== undefined && JSON.stringify({ ...facts, ...expected }) === JSON.stringify(facts);
      },
      60_000,
    );
  }
  expect(await known(asking)).toEqual(await known(hearing));
}

describe('a real Nova, once by its notifications and once by asking', () => {
  it.each([
    ['os-stop', { 'os-stop': null }, 'SHUTOFF', { vm_state: 'stopped' }],
    ['os-start', { 'os-start': null }, 'ACTIVE', { vm_state: 'active' }],
    ['pause', { pause: null }, 'PAUSED', { vm_state: 'paused' }],
    ['unpause', { unpause: null }, 'ACTIVE', { vm_state: 'active' }],
    ['rescue', { rescue: {} }, 'RESCUE', { vm_state: 'rescued', root_request_id: null }],
    ['unrescue', { unrescue: null }, 'ACTIVE', { vm_state: 'active', root_request_id: null }],
  ])('%s', async (_, action, status, expected) => {
    await act(cloud.admin, id, action);
    await waitForStatus(cloud.admin, id, status);
    await bothKnow(expected);
  });

  it('refuses a snapshot in between, with the reason', async () => {
    await act(cloud.admin, id, { suspend: null });
    await waitForStatus(cloud.admin, id, 'SUSPENDED');
    await bothKnow({ vm_state: 'suspended' });
    const token = `member-${cloud.demo.projectId}`;
    const refused = await hearing.call(token, 'POST', `/v1/instances/${id}/snapshots`, {});
    expect(refused.body).toMatchObject({ status: 409, code: 'instance_suspended' });
    expect(worker.jobs).toEqual([]);
    await act(cloud.admin, id, { resume: null });
    await waitForStatus(cloud.admin, id, 'ACTIVE');
    await bothKnow({ vm_state: 'active' });
  });

  it('a rebuild, by the request that gave it another disk', async () => {
    await act(cloud.admin, id, { rebuild: { imageRef: await cloud.imageId() } });
    await waitForStatus(cloud.admin, id, 'ACTIVE');
    const all = await cloud.admin.request('compute', 'GET', `/servers/${id}/os-instance-actions`);
    const [newest] = all['instanceActions'] as { action: string; request_id: string }[];
    expect(newest?.action).toBe('rebuild');
    await bothKnow({ root_request_id: newest?.request_id });
  });

  it('another name', async () => {
    const server = { name: 'hc-renamed' };
    await cloud.admin.request('compute', 'PUT', `/servers/${id}`, { body: { server } });
    await bothKnow({ name: 'hc-renamed', instance_name: 'hc-renamed' });
  });

  it('its deletion', async () => {
    await deleteServer(cloud.admin, id);
    for (const plane of [hearing, asking]) {
      await until(
        'it is known',
        async () => (await plane.rows('select from compute_facts where deleted_at is not null'))[0],
      );
      const view = await plane.call(`member-${cloud.demo.projectId}`, 'GET', `/v1/instances/${id}`);
      expect(view.body).toMatchObject({ state: 'unknown', unsupported: { code: 'instance_deleted' } });
    }
  });

  it('leaves Nova’s own queues as they were', async () => {
    const url = new URL(cloud.file.amqpUrl);
    const { connect } = await import('amqplib');
    const connection = await connect(url.toString());
    const channel = await connection.createChannel();
    expect((await channel.checkQueue('versioned_notifications.info')).messageCount).toBeGreaterThan(0);
    await hearing.stop();
    await channel.deleteQueue(QUEUE);
    await connection.close();
  });
});
