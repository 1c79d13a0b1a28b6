import { ServiceError } from '@varve/core';
import type { InstanceId } from '@varve/core';
import type { PowerState } from '@varve/ports';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { KeystoneSession, NovaApi } from '../../openstack/index.js';
import { StubCloud } from '../../openstack/testing/stub-cloud.js';
import type { Reply } from '../../openstack/testing/stub-cloud.js';
import { NovaCompute } from './nova-compute.js';

const ID = '264f236c-4750-41cc-8bbb-6c4d7818c055' as InstanceId;
const POLL_MS = 5;
/** More than a busy machine needs for a few answers of the stub. */
const PATIENCE_MS = 30_000;

/** A server as Nova 26 shows it to an administrator, trimmed. */
const server = (more: object = {}): Record<string, unknown> => ({
  id: ID,
  name: 'web-1',
  tenant_id: 'ce852614c1f94f3ab43f3b7d1e1f5a11',
  status: 'ACTIVE',
  image: { id: '699cc979-36cf-4e0e-8ee8-5b4a5cf3d1f7' },
  flavor: { extra_specs: {} },
  locked: false,
  'OS-EXT-SRV-ATTR:host': 'compute-1',
  'OS-EXT-STS:vm_state': 'active',
  'OS-EXT-STS:task_state': null,
  'OS-EXT-STS:power_state': 1,
  'OS-SRV-USG:launched_at': '2026-11-22T12:14:02.000000',
  ...more,
});
const STOPPED = { 'OS-EXT-STS:vm_state': 'stopped', 'OS-EXT-STS:power_state': 4 };
const state = (vmState: string, taskState: string | null = null) => ({
  'OS-EXT-STS:vm_state': vmState,
  'OS-EXT-STS:task_state': taskState,
});

let cloud: StubCloud;
let compute: NovaCompute;
let current: Record<string, unknown> | null;
let power: PowerState;
/** What an action makes of the server; `undefined` from it: 409. */
let onAction: (body: Record<string, unknown>) => Reply | undefined;
let started: number;

const actions = () =>
  cloud.asked.filter(({ path }) => path.endsWith('/action')).map(({ json }) => Object.keys(json as object)[0]);

beforeEach(async () => {
  cloud = await StubCloud.start();
  current = server();
  power = 'running';
  started = 0;
  onAction = () => ({ status: 202 });
  cloud.reply = ({ method, path, json }) => {
    if (path.endsWith('/os-instance-actions')) return { status: 200, body: { instanceActions: [] } };
    if (method === 'GET') return current ? { status: 200, body: { server: current } } : { status: 404, body: {} };
    const answer = onAction(json as Record<string, unknown>);
    return answer ?? { status: 409, body: { conflictingRequest: { code: 409, message: 'not in this state' } } };
  };
  compute = computeWith({});
});
afterEach(() => {
  vi.useRealTimers();
  return cloud.close();
});

const computeWith = (more: { busyTimeoutMs?: number }) =>
  new NovaCompute({
    nova: new NovaApi(new KeystoneSession(cloud.config)),
    host: 'compute-1',
    powerState: () => Promise.resolve(power),
    beforeStart: () => {
      started++;
      return Promise.resolve();
    },
    busyTimeoutMs: PATIENCE_MS,
    stopTimeoutMs: PATIENCE_MS,
    startTimeoutMs: PATIENCE_MS,
    pollMs: POLL_MS,
    ...more,
  });
/** The time in which something had to be done is over, of a sudden: not before it was begun, on any machine. */
const runOutOfTime = () => vi.setSystemTime(Date.now() + PATIENCE_MS + 1);

const codeOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
    return 'done';
  } catch (error) {
    return error instanceof ServiceError ? `${error.code} ${error.remedy}` : String(error);
  }
};

describe('work on an instance', () => {
  it.each([
    ['that runs', {}, 'done'],
    ['that is stopped', STOPPED, 'done'],
    ['that is paused', state('paused'), 'done'],
    ['that is being built', state('building'), 'instance_building retry'],
    ['that is suspended', state('suspended'), 'instance_suspended fix-request'],
    ['in rescue', state('rescued'), 'instance_rescued fix-request'],
    ['that waits for its resize to be confirmed', state('resized'), 'instance_resized fix-request'],
    [
      'that is shelved',
      { ...state('shelved_offloaded'), 'OS-EXT-SRV-ATTR:host': null },
      'instance_shelved fix-request',
    ],
    ['that is deleted', state('soft-delete'), 'instance_deleted fix-request'],
    ['in error', state('error'), 'instance_in_error call-operator'],
    ['on another host', { 'OS-EXT-SRV-ATTR:host': 'compute-2' }, 'instance_elsewhere call-operator'],
    ['on no host', { 'OS-EXT-SRV-ATTR:host': null }, 'instance_elsewhere call-operator'],
    ['that Nova is busy with', state('active', 'image_snapshot'), 'instance_busy retry'],
    ['that is migrating', state('active', 'migrating'), 'instance_moving retry'],
    ['that is being resized', state('active', 'resize_prep'), 'instance_moving retry'],
    ['that boots from a volume', { image: '' }, 'disk_not_local fix-request'],
    [
      'whose disks are encrypted',
      { flavor: { extra_specs: { 'hw:ephemeral_encryption': 'true' } } },
      'disk_encrypted fix-request',
    ],
    ['in a state that is new to us', state('levitating'), 'done'],
  ])('%s', async (_, more, expected) => {
    current = server(more);
    const hasty = computeWith({ busyTimeoutMs: 100 });
    expect(await codeOf(hasty.assertFree(ID, 'snapshot'))).toBe(expected);
  });

  it('may be a snapshot of a locked one, but no rollback', async () => {
    current = server({ locked: true });
    expect(await codeOf(compute.assertFree(ID, 'snapshot'))).toBe('done');
    expect(await codeOf(compute.assertFree(ID, 'rollback'))).toBe('instance_locked fix-request');
  });

  it('is not found when there is none', async () => {
    current = null;
    expect(await codeOf(compute.assertFree(ID, 'snapshot'))).toBe('not_found fix-request');
  });

  it('waits until Nova is done with it', async () => {
    let looks = 0;
    cloud.reply = () => {
      const busy = ++looks <= 2;
      return { status: 200, body: { server: busy ? server(state('active', 'image_uploading')) : server() } };
    };
    expect(await codeOf(compute.assertFree(ID, 'snapshot'))).toBe('done');
    expect(looks).toBe(3);
  });

  it('has to wait when Nova tells an ordinary user’s half of the truth', async () => {
    current = server();
    delete current['OS-EXT-SRV-ATTR:host'];
    expect(await codeOf(compute.assertFree(ID, 'snapshot'))).toBe('service_unavailable retry');
  });
});

describe('to stop an instance', () => {
  const stops = (): Reply => {
    current = server(STOPPED);
    power = 'stopped';
    return { status: 202 };
  };

  it('is asked of Nova once', async () => {
    onAction = stops;
    await compute.stop(ID, 0);
    await compute.stop(ID, 0);
    expect(actions()).toEqual(['os-stop']);
  });

  it('is over only when the hypervisor has none either', async () => {
    onAction = () => {
      current = server(STOPPED);
      setTimeout(() => (power = 'stopped'), 10 * POLL_MS);
      return { status: 202 };
    };
    const before = Date.now();
    await compute.stop(ID, 0);
    expect(Date.now() - before).toBeGreaterThanOrEqual(9 * POLL_MS);
  });

  it('is to let a paused one go on first', async () => {
    current = server(state('paused'));
    onAction = (body) => {
      if ('os-stop' in body) return stops();
      current = server();
      return { status: 202 };
    };
    await compute.stop(ID, 0);
    expect(actions()).toEqual(['unpause', 'os-stop']);
  });

  it('is tried again when something came between', async () => {
    let tries = 0;
    onAction = () => (++tries < 3 ? undefined : stops());
    await compute.stop(ID, 0);
    expect(actions()).toEqual(['os-stop', 'os-stop', 'os-stop']);
  });

  it.each([
    ['rescued', 'instance_rescued fix-request'],
    ['suspended', 'instance_suspended fix-request'],
    ['resized', 'instance_resized fix-request'],
  ])('is refused, and not tried, when it is %s', async (vmState, code) => {
    current = server(state(vmState));
    expect(await codeOf(compute.stop(ID, 0))).toBe(code);
    expect(actions()).toEqual([]);
  });

  it('has an unknown outcome when Nova takes too long', async () => {
    onAction = () => {
      runOutOfTime();
      return { status: 202 };
    };
    expect(await codeOf(compute.stop(ID, 0))).toBe('outcome_unknown retry');
    expect(actions()).toEqual(['os-stop']);
  });
});

describe('to start an instance', () => {
  beforeEach(() => {
    current = server(STOPPED);
    power = 'stopped';
  });
  const starts = (): Reply => {
    current = server();
    power = 'running';
    return { status: 202 };
  };

  it('is asked of Nova once, after the disk was seen to', async () => {
    onAction = starts;
    await compute.start(ID);
    await compute.start(ID);
    expect([actions(), started]).toEqual([['os-start'], 1]);
  });

  it('is not done behind a lock that came meanwhile: what we stopped, we start', async () => {
    current = server({ ...STOPPED, locked: true });
    onAction = starts;
    await compute.start(ID);
  });

  it('has failed when Nova is idle again and it is still stopped', async () => {
    cloud.reply = ({ method, path }) => {
      if (path.endsWith('/os-instance-actions')) {
        const one = { action: 'start', request_id: 'req-1', start_time: '2026-11-22T12:00:00' };
        return { status: 200, body: { instanceActions: [one] } };
      }
      if (path.endsWith('/os-instance-actions/req-1')) {
        const event = { event: 'compute_start_instance', result: 'Error', finish_time: null, details: 'ImageNotFound' };
        return { status: 200, body: { instanceAction: { request_id: 'req-1', message: 'Error', events: [event] } } };
      }
      return method === 'GET' ? { status: 200, body: { server: current } } : { status: 202 };
    };
    await expect(compute.start(ID)).rejects.toMatchObject({
      code: 'hypervisor_refused',
      message: expect.stringContaining('ImageNotFound') as string,
    });
    expect(actions()).toEqual(['os-start']);
  });

  it('is a hard reboot when it went down and Nova has not noticed', async () => {
    current = server();
    onAction = starts;
    await compute.start(ID);
    expect([actions(), started]).toEqual([['reboot'], 1]);
  });

  it('has an unknown outcome when Nova takes too long', async () => {
    onAction = () => {
      current = server(state('stopped', 'powering-on'));
      runOutOfTime();
      return { status: 202 };
    };
    expect(await codeOf(compute.start(ID))).toBe('instance_busy retry');
  });
});
