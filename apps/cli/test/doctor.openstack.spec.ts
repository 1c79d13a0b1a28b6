import { CONDUCTOR_RIGHTS } from '@varve/contracts';
import { connect } from 'amqplib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createServer, openCloud } from '../../../testbed/openstack/index.ts';
import type { Cloud } from '../../../testbed/openstack/index.ts';
import { startVarve } from '../../../testbed/openstack/varve.ts';
import type { Varve } from '../../../testbed/openstack/varve.ts';
import { userWith } from '../../../testbed/services/shared.ts';
import { until } from '../../../testbed/services/until.ts';
import type { Finding } from '../src/doctor/finding.js';
import type { Environment } from '../src/settings.js';
import { runCli } from './run-cli.js';

// A host of a real Nova, and the control plane beside it: what the doctor says where all is well, and of each thing that is
// broken.

const QUEUE = `varve.spec.${crypto.randomUUID()}`;
let cloud: Cloud;
let varve: Varve;
let serviceId: string;
let endpointId: string;

beforeAll(async () => {
  cloud = await openCloud();
  varve = await startVarve(cloud, {
    conductorEnv: { VARVE_COMPUTE: 'nova', VARVE_NOVA_AMQP_URL: cloud.file.amqpUrl, VARVE_NOVA_QUEUE: QUEUE },
  });
  const make = async (kind: string, body: object): Promise<string> => {
    const made = await cloud.admin.request('identity', 'POST', `/${kind}s`, { body: { [kind]: body } });
    return (made[kind] as { id: string }).id;
  };
  serviceId = await make('service', { name: 'varve', type: 'snapshot' });
  endpointId = await make('endpoint', {
    service_id: serviceId,
    interface: 'public',
    region_id: cloud.file.region,
    url: varve.cluster.url,
  });
});
afterAll(async () => {
  if (serviceId) await cloud.admin.request('identity', 'DELETE', `/services/${serviceId}`);
  await varve?.close();
  if (cloud) {
    const connection = await connect(cloud.file.amqpUrl);
    const channel = await connection.createChannel();
    await channel.deleteQueue(QUEUE);
    await connection.close();
  }
  await cloud?.close();
});

const moveEndpoint = (url: string): Promise<unknown> =>
  cloud.admin.request('identity', 'PATCH', `/endpoints/${endpointId}`, { body: { endpoint: { url } } });

async function doctor(
  of: 'worker' | 'conductor' | 'api',
  change: Environment = {},
): Promise<(check: string) => Finding> {
  const { cluster } = varve;
  const process_ = { worker: cluster.worker, conductor: cluster.conductors[0], api: cluster.apis[0] }[of];
  const env = { PATH: process.env['PATH'], ...process_?.env, ...change };
  const { out } = await runCli(['doctor', '--of', of, '--json'], env);
  const { findings } = JSON.parse(out) as { findings: Finding[] };
  return (check) => findings.find((finding) => finding.check === check) ?? expect.fail(`nothing said of ${check}`);
}
const text = (of: string): unknown => expect.stringContaining(of);

describe('where all is well', () => {
  it('a host is let in, known to Nova, and has the rights that it needs', async () => {
    await until('the worker has its queue', async () => (await doctor('worker'))('queues').status === 'ok', {
      everyMs: 200,
    });
    const told = await doctor('worker');
    expect(told('service user')).toMatchObject({ status: 'ok', found: 'logged in as varve in service' });
    expect(told('role')).toMatchObject({ status: 'ok', found: text('admin') });
    expect(told('endpoint')).toMatchObject({ status: 'ok', found: `${varve.cluster.url} is ready` });
    expect(told('Nova')).toMatchObject({ status: 'ok' });
    expect(told('Nova’s host')).toMatchObject({ status: 'ok', found: 'compute-1 is up, enabled' });
    expect(told('rights')).toMatchObject({ status: 'ok' });
    expect(told('libvirt')).toMatchObject({ status: 'ok', found: text('libvirt 9.') });
    expect(told('permissions')).toMatchObject({ status: 'ok' });
  });

  it('so is the conductor, who hears Nova', async () => {
    const told = await doctor('conductor');
    for (const check of ['service user', 'endpoint', 'Nova', 'queues', 'rights', 'Nova’s exchange', 'our queue']) {
      expect(told(check)).toMatchObject({ status: 'ok' });
    }
    expect(told('notifications')).toMatchObject({ status: 'ok', found: text('versioned_notifications') });
    // The test bed has one user for all there.
    expect(told('rights at Nova’s broker')).toMatchObject({ status: 'warn', found: text('may more than it needs') });
  });

  it('and the API, whose user needs less', async () => {
    const told = await doctor('api');
    for (const check of ['service user', 'role', 'endpoint']) expect(told(check)).toMatchObject({ status: 'ok' });
  });
});

describe('what is broken is told, with what to do', () => {
  it.each<[string, Environment, string, object]>([
    ['a password', { VARVE_KEYSTONE_PASSWORD: 'wrong' }, 'service user', { status: 'fail', advice: text('_PASSWORD') }],
    ['a project', { VARVE_KEYSTONE_PROJECT: 'other' }, 'service user', { status: 'fail', advice: text('a role in') }],
    [
      'Keystone’s port',
      { VARVE_KEYSTONE_URL: 'http://127.0.0.1:1/v3' },
      'service user',
      { status: 'fail', advice: text('that Keystone is up') },
    ],
    [
      'the region',
      { VARVE_OPENSTACK_REGION: 'elsewhere' },
      'endpoint',
      { status: 'warn', advice: text('openstack endpoint create') },
    ],
    [
      'the region, for Nova',
      { VARVE_OPENSTACK_REGION: 'elsewhere' },
      'Nova',
      { status: 'fail', advice: text('_REGION') },
    ],
    [
      'the host’s name',
      { VARVE_HOST: 'compute-9' },
      'Nova’s host',
      { status: 'fail', found: text('it has: compute-1') },
    ],
    [
      'libvirt’s address',
      { VARVE_LIBVIRT_URI: 'qemu+unix:///system?socket=/nowhere' },
      'libvirt',
      { status: 'fail', advice: text('VARVE_LIBVIRT_URI') },
    ],
  ])('%s', async (_, change, check, expected) => {
    expect((await doctor('worker', change))(check)).toMatchObject(expected);
  });

  it('a user without a role that Nova heeds', async () => {
    const { user, password, project } = cloud.file.logins.demo;
    const asDemo = {
      VARVE_KEYSTONE_USERNAME: user,
      VARVE_KEYSTONE_PASSWORD: password,
      VARVE_KEYSTONE_PROJECT: project,
    };
    const told = await doctor('worker', asDemo);
    expect(told('role')).toMatchObject({ status: 'warn', advice: text('openstack role add') });
    expect(told('Nova')).toMatchObject({ status: 'fail', advice: text('role admin') });
  });

  it('a directory that is not Nova’s', async () => {
    const options = { name: 'for-the-doctor', flavor: cloud.file.flavors.small, imageId: await cloud.imageId() };
    const server = cloud.adopt(await createServer(cloud.demo, options), cloud.demo);
    await server.waitFor('ACTIVE');
    const told = await doctor('worker', { VARVE_INSTANCES_DIR: varve.cluster.root });
    expect(told('Nova’s directory')).toMatchObject({ status: 'fail', advice: text('instances_path') });
    await cloud.delete(server);
  });

  it('an endpoint where nothing answers, and one where something else does', async () => {
    await moveEndpoint('http://127.0.0.1:1');
    expect((await doctor('worker'))('endpoint')).toMatchObject({ status: 'fail', found: text('does not answer') });
    await moveEndpoint(cloud.file.authUrl);
    expect((await doctor('worker'))('endpoint')).toMatchObject({
      status: 'fail',
      advice: text('openstack endpoint set'),
    });
    await moveEndpoint(varve.cluster.url);
  });

  it('a user at our broker that may too much, and one that may too little', async () => {
    const url = new URL(varve.cluster.worker.env['VARVE_AMQP_URL'] ?? '');
    url.username = url.password; // the administrator of the test's services
    const tooMuch = await doctor('worker', { VARVE_AMQP_URL: url.href });
    expect(tooMuch('rights')).toMatchObject({ status: 'warn', found: text('read varve.catalog') });
    const few = await userWith(url.href, { ...CONDUCTOR_RIGHTS, write: '^varve\\.jobs\\.compute-1$' });
    const tooLittle = await doctor('worker', { VARVE_AMQP_URL: few });
    expect(tooLittle('rights')).toMatchObject({
      status: 'fail',
      found: 'may not: write varve.events, write varve.dead',
      advice: text('set_permissions'),
    });
  });

  it('another exchange and other topics than Nova’s', async () => {
    const told = await doctor('conductor', { VARVE_NOVA_EXCHANGE: 'novae', VARVE_NOVA_TOPICS: 'news' });
    expect(told('Nova’s exchange')).toMatchObject({ status: 'fail', advice: text('control_exchange') });
    expect(told('notifications')).toMatchObject({ status: 'warn', advice: text('messagingv2') });
  });
});
