import { connect } from 'amqplib';
import type { ChannelModel } from 'amqplib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StubCloud } from '../../../libs/adapters/src/openstack/testing/stub-cloud.js';
import { freshDatabase, freshVhost } from '../../../testbed/services/shared.ts';
import { readRecording, wrapped } from '../src/notifications/testing/recording.js';
import type { Recording } from '../src/notifications/testing/recording.js';
import { ControlPlane } from './kit/control-plane.js';
import { newInstance } from './kit/fake-worker.js';
import type { FakeWorker } from './kit/fake-worker.js';
import { until } from './kit/until.js';

const recording = readRecording();
const PROJECT = String(recording.shown[0]?.server['tenant_id']);
let cloud: StubCloud;
let plane: ControlPlane;
let worker: FakeWorker;
let nova: ChannelModel;
let novaUrl: string;
const servers = [1, 2, 3].map(() => crypto.randomUUID());
const [first, second, third] = servers as [string, string, string];

beforeAll(async () => {
  cloud = await StubCloud.start();
  novaUrl = await freshVhost();
  nova = await connect(novaUrl);
  const channel = await nova.createChannel();
  // As Nova makes it, with a queue of its own that somebody else reads.
  await channel.assertExchange('nova', 'topic', { durable: false, autoDelete: false });
  await channel.assertQueue('notifications.info', { durable: false });
  await channel.bindQueue('notifications.info', 'nova', 'notifications.info');
  plane = await ControlPlane.start({
    databaseUrl: await freshDatabase(),
    amqpUrl: await freshVhost(),
    conductors: 2,
    nova: {
      keystone: cloud.config,
      notifications: {
        amqpUrl: novaUrl,
        exchange: 'nova',
        topics: ['notifications', 'versioned_notifications'],
        queue: 'varve.nova',
      },
      reconcileIntervalS: 1,
      orphanKeepDays: 0.9,
    },
  });
  cloud.reply = () => ({ status: 503 });
  const instances = servers.map((id) => newInstance(PROJECT, { id: id as never, name: `server ${id.slice(0, 4)}` }));
  worker = await plane.host('compute-1', instances);
  // What is said before somebody listens is lost.
  await until('both listen to Nova', async () => {
    const looking = await nova.createChannel();
    looking.on('error', () => undefined); // there is no such queue yet: the broker closes the channel
    const found = await looking.checkQueue('varve.nova').catch((error: { code?: number }) => {
      if (error.code !== 404) throw error;
      return null;
    });
    if (found) await looking.close();
    return found?.consumerCount === 2;
  });
});
afterAll(async () => {
  await plane?.stop();
  await nova?.close();
  await cloud?.close();
});

let clock = 0;
/** What Nova said of the recorded server during a step, of another one, as if it were now. */
async function notify(id: string, step: string): Promise<void> {
  const channel = await nova.createConfirmChannel();
  clock = Math.max(clock, Date.now());
  const text = (one: Recording['notifications'][number]) => JSON.stringify(one).replaceAll(recording.instance, id);
  for (const one of recording.notifications.filter(({ during }) => during === step)) {
    const { key, message } = JSON.parse(text(one)) as Recording['notifications'][number];
    const timestamp = new Date(++clock).toISOString().replace('T', ' ').replace('Z', '000');
    const body = JSON.stringify(wrapped({ ...message, timestamp }));
    channel.publish('nova', key, Buffer.from(body), { contentType: 'application/json' });
  }
  await channel.waitForConfirms();
  await channel.close();
}

const factsOf = async (id: string) => (await plane.rows('select * from compute_facts where instance_id = $1', [id]))[0];
const member = `member-${PROJECT}`;
const snapshot = (id: string) => plane.call(member, 'POST', `/v1/instances/${id}/snapshots`, {});

describe('what Nova does to an instance', () => {
  it('reaches the catalog, takes nothing from Nova’s own queue, and survives what is no notification', async () => {
    const channel = await nova.createConfirmChannel();
    channel.publish('nova', 'notifications.info', Buffer.from('not JSON'));
    channel.publish('nova', 'versioned_notifications.error', Buffer.from(JSON.stringify(wrapped({ event_type: 'x' }))));
    await notify(first, 'create');
    await until('the server is known as active', async () => (await factsOf(first))?.['vm_state'] === 'active');
    expect(await factsOf(first)).toMatchObject({ project_id: PROJECT, host: 'compute-1', name: 'hc-rec' });
    const shown = await plane.call(member, 'GET', `/v1/instances/${first}`);
    expect(shown.body).toMatchObject({ name: 'hc-rec', unsupported: null });
    const { messageCount } = await channel.checkQueue('notifications.info');
    expect(messageCount).toBeGreaterThan(5);
  });

  it.each([
    ['rescue', 'instance_rescued'],
    ['suspend', 'instance_suspended'],
    ['resize', 'instance_resized'],
    ['shelve', 'instance_shelved'],
  ])('stops its protection while it lasts, with a code of its own: %s', async (step, code) => {
    await plane.rows('delete from compute_facts where instance_id = $1', [second]);
    await notify(second, step);
    await until(
      `${step} is known`,
      async () => (await plane.call(member, 'GET', `/v1/instances/${second}`)).body['unsupported'],
    );
    expect((await snapshot(second)).body).toMatchObject({ status: 409, code, remedy: 'fix-request' });
    await notify(second, 'unlock'); // in the recording it is active again by then
    await until('it is active again', async () => (await factsOf(second))?.['vm_state'] === 'active');
    expect((await plane.call(member, 'GET', `/v1/instances/${second}`)).body['unsupported']).toBeNull();
  });

  it('is found out by asking when no notification came', async () => {
    const shown = recording.shown.find(({ after }) => after === 'pause');
    cloud.reply = ({ path }) => {
      if (path.includes('os-instance-actions')) return { status: 200, body: { instanceActions: [] } };
      if (!path.startsWith('/v2.1/servers/detail')) return { status: 404, body: {} };
      const body = { ...shown?.server, id: third, tenant_id: PROJECT };
      const others = [first, second].map((id) => ({ ...body, id, 'OS-EXT-STS:vm_state': 'active' }));
      return { status: 200, body: { servers: [body, ...others] } };
    };
    await until('it is known as paused', async () => (await factsOf(third))?.['vm_state'] === 'paused');
    cloud.reply = () => ({ status: 503 });
  });

  it('is not believed to have deleted anything while it can not be asked, or hides servers from us', async () => {
    cloud.reply = ({ path }) =>
      path.startsWith('/v2.1/servers/detail') ? { status: 403, body: {} } : { status: 404, body: {} };
    const before = cloud.asked.length;
    await until('it was asked twice', () => cloud.asked.length > before + 1);
    expect(await plane.rows('select from compute_facts where deleted_at is not null')).toEqual([]);
    cloud.reply = () => ({ status: 503 });
  });

  it('ends with its deletion: the points stay for their time, then they go, newest first, and their layers with them', async () => {
    const points = [await plane.snapshot(member, worker, third), await plane.snapshot(member, worker, third)];
    await notify(third, 'delete');
    await until('it is known as deleted', async () => (await factsOf(third))?.['deleted_at']);
    expect((await snapshot(third)).body).toMatchObject({ code: 'instance_deleted' });
    const kept = await plane.call(member, 'GET', `/v1/instances/${third}/restore-points`);
    expect(kept.body.items).toHaveLength(points.length);

    await plane.rows(`update compute_facts set deleted_at = now() - interval '25 hours' where instance_id = $1`, [
      third,
    ]);
    await until(
      'they are gone',
      async () => (await plane.rows('select from restore_points where instance_id = $1', [third])).length === 0,
      60_000,
    );
    await until('so are their objects', () => plane.removed.length === points.length);
    const deletions = await plane.rows(
      `select user_id, state from operations where instance_id = $1 and kind = 'delete' order by created_at`,
      [third],
    );
    expect(deletions).toEqual(points.map(() => ({ user_id: 'varve', state: 'succeeded' })));
  });
});
