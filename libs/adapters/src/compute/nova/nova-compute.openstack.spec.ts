import type { InstanceId } from '@varve/core';
import type { PowerState } from '@varve/ports';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { act, createServer, openCloud, virsh, waitForStatus } from '../../../../../testbed/openstack/index.ts';
import type { Cloud } from '../../../../../testbed/openstack/index.ts';
import { KeystoneSession, NovaApi } from '../../openstack/index.js';
import { NovaCompute } from './nova-compute.js';

let cloud: Cloud;
let nova: NovaApi;
let id: InstanceId;
let settled = 0;

const powerState = async (instance: InstanceId): Promise<PowerState> => {
  const state = (await virsh('domstate', instance)).trim();
  if (state === 'shut off') return 'stopped';
  return state === 'paused' ? 'paused' : 'running';
};
const computeOn = (host: string, busyTimeoutMs = 60_000) =>
  new NovaCompute({
    nova,
    host,
    powerState,
    busyTimeoutMs,
    beforeStart: () => {
      settled++;
      return Promise.resolve();
    },
  });
const status = async (): Promise<string> => (await nova.server(id))?.vmState ?? 'none';

beforeAll(async () => {
  cloud = await openCloud();
  const { authUrl, logins, flavors } = cloud.file;
  nova = new NovaApi(
    new KeystoneSession({
      url: authUrl,
      username: logins.varve.user,
      password: logins.varve.password,
      project: logins.varve.project,
      userDomain: 'Default',
      projectDomain: 'Default',
      region: null,
      interface: 'public',
      timeoutMs: 30_000,
    }),
  );
  const imageId = await cloud.imageId();
  id = (await createServer(cloud.demo, { name: 'hc-compute', flavor: flavors.small, imageId })) as InstanceId;
  cloud.adopt(id, cloud.demo);
  await waitForStatus(cloud.admin, id, 'ACTIVE');
});
afterAll(() => cloud.close());

describe('an instance of a real Nova', () => {
  it('is known with its owner, its host and its image, also in the list of all', async () => {
    const server = await nova.server(id);
    expect(server).toMatchObject({
      id,
      name: 'hc-compute',
      projectId: cloud.demo.projectId,
      host: cloud.file.host,
      vmState: 'active',
      taskState: null,
      locked: false,
      imageId: await cloud.imageId(),
      encrypted: false,
    });
    const listed = [];
    for (let after: string | null = null; ;) {
      const page = await nova.servers(after, 1);
      listed.push(...page.servers);
      if (page.last === null) break;
      after = page.last;
    }
    expect(listed.find((one) => one.id === id)).toEqual(server);
    expect(await nova.server(crypto.randomUUID() as InstanceId)).toBeNull();
  });

  it('is stopped and started through Nova, which then agrees that it is; the second time nothing is asked', async () => {
    const compute = computeOn(cloud.file.host);
    await compute.assertFree(id, 'rollback');
    await compute.stop(id, 0);
    expect([await status(), await powerState(id)]).toEqual(['stopped', 'stopped']);
    await compute.stop(id, 0);
    await compute.start(id);
    expect([await status(), await powerState(id), settled]).toEqual(['active', 'running', 1]);
    await compute.start(id);
    expect((await nova.actions(id)).map(({ action }) => action)).toEqual(['start', 'stop', 'create']);
  });

  it('is stopped when it is paused', async () => {
    const compute = computeOn(cloud.file.host);
    await act(cloud.admin, id, { pause: null });
    await waitForStatus(cloud.admin, id, 'PAUSED');
    await compute.stop(id, 0);
    expect([await status(), await powerState(id)]).toEqual(['stopped', 'stopped']);
    await compute.start(id);
  });

  it('is started when it lost its power and Nova has not noticed', async () => {
    const compute = computeOn(cloud.file.host);
    await virsh('destroy', id);
    expect(await status()).toBe('active');
    await compute.start(id);
    expect([await status(), await powerState(id)]).toEqual(['active', 'running']);
  });

  it('is refused on another host, while it is locked, suspended, or shelved', async () => {
    const compute = computeOn(cloud.file.host);
    await expect(computeOn('compute-9').assertFree(id, 'snapshot')).rejects.toMatchObject({
      code: 'instance_elsewhere',
    });
    await act(cloud.demo, id, { lock: null });
    await expect(compute.assertFree(id, 'rollback')).rejects.toMatchObject({ code: 'instance_locked' });
    await compute.assertFree(id, 'snapshot');
    await act(cloud.demo, id, { unlock: null });
    await act(cloud.demo, id, { suspend: null });
    await expect(computeOn(cloud.file.host, 0).assertFree(id, 'snapshot')).rejects.toMatchObject({
      code: 'instance_busy',
      facts: { taskState: 'suspending' },
    });
    await waitForStatus(cloud.admin, id, 'SUSPENDED');
    await expect(compute.assertFree(id, 'snapshot')).rejects.toMatchObject({ code: 'instance_suspended' });
    await expect(compute.stop(id, 0)).rejects.toMatchObject({ code: 'instance_suspended' });
    await act(cloud.demo, id, { resume: null });
    await waitForStatus(cloud.admin, id, 'ACTIVE');
  });

  it('is gone when it was deleted', async () => {
    const compute = computeOn(cloud.file.host);
    await cloud.demo.request('compute', 'DELETE', `/servers/${id}`);
    await expect(compute.stop(id, 0)).rejects.toMatchObject({
      code: expect.stringMatching(/not_found|instance_/) as string,
    });
  });
});
