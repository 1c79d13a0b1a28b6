import { VarveClient } from '@varve/api-client';
import type { InstanceQuery, InstanceView } from '@varve/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, freshVhost } from '../../../testbed/services/shared.ts';
import { ControlPlane } from '../../conductor/test/kit/control-plane.js';
import { newInstance } from '../../conductor/test/kit/fake-worker.js';
import type { FakeWorker } from '../../conductor/test/kit/fake-worker.js';
import { until } from '../../conductor/test/kit/until.js';

let plane: ControlPlane;
let worker: FakeWorker;
let client: VarveClient;
let admin: VarveClient;
const problem = { code: 'disk_raw', remedy: 'fix-request' as const, message: 'raw', facts: {} };
const passing = { code: 'instance_busy', remedy: 'retry' as const, message: 'busy', facts: {} };
const MIB = 1 << 20;

const mine = {
  web1: newInstance('red', { name: 'Web-1', virtualSizeBytes: 3 * MIB }),
  web2: newInstance('red', { name: 'web-2 100%_sure', virtualSizeBytes: null }),
  db: newInstance('red', { name: 'db', virtualSizeBytes: MIB, unsupported: passing }),
  raw: newInstance('red', { name: 'raw', virtualSizeBytes: 2 * MIB, unsupported: problem }),
  rescued: newInstance('red', { name: 'Rescued', virtualSizeBytes: 2 * MIB }),
  moving: newInstance('red', { name: 'moving', virtualSizeBytes: 2 * MIB, unsupported: problem }),
};
const theirs = newInstance('blue', { name: 'web-3' });

async function fail(instanceId: string): Promise<void> {
  const asked = await plane.call('member-red', 'POST', `/v1/instances/${instanceId}/snapshots`, {});
  const operationId = String(asked.body['operationId']);
  const job = await until('the job comes', () => worker.jobFor(operationId));
  for (const event of worker.eventsOf(job, 'failed')) await worker.publish(event);
  await plane.operation('member-red', operationId, 'failed');
}

beforeAll(async () => {
  plane = await ControlPlane.start({ databaseUrl: await freshDatabase(), amqpUrl: await freshVhost() });
  worker = await plane.host('compute-1', [...Object.values(mine), theirs]);
  await plane.host('compute-2', [newInstance('blue', { name: 'other' })]);
  const url = plane.apis[0]?.url ?? '';
  client = new VarveClient({ url, token: 'member-red' });
  admin = new VarveClient({ url, token: 'admin-ops' });
  for (let n = 0; n < 3; n++) await plane.snapshot('member-red', worker, mine.web1.id);
  await plane.snapshot('member-red', worker, mine.db.id);
  await plane.snapshot('member-red', worker, mine.rescued.id);
  await fail(mine.db.id);
  await fail(mine.web2.id);
  for (const [instance, vmState, host] of [
    [mine.rescued, 'rescued', 'compute-1'],
    [mine.moving, 'active', 'compute-9'],
    [mine.web1, 'active', 'compute-1'],
  ] as const) {
    await plane.rows(
      `insert into compute_facts (instance_id, project_id, name, host, vm_state, observed_at)
       values ($1, 'red', $2, $3, $4, now())`,
      [instance.id, instance.name, host, vmState],
    );
  }
});
afterAll(() => plane?.stop());

const names = async (query: Partial<InstanceQuery>, of = client): Promise<string[]> => {
  const found: string[] = [];
  for await (const { name } of of.instances(query)) found.push(name);
  return found;
};

describe('an instance', () => {
  it('says whether it can go back, how often, and what that takes', async () => {
    const all = new Map<string, InstanceView>();
    for await (const view of client.instances()) all.set(view.name, view);
    expect(Object.fromEntries([...all.values()].map(({ name, protection }) => [name, protection]))).toEqual({
      Rescued: 'unsupported',
      'Web-1': 'protected',
      db: 'failing',
      // What is in the way passes by itself, and nothing was ever stored.
      moving: 'unprotected',
      raw: 'unsupported',
      'web-2 100%_sure': 'failing',
    });
    const web1 = all.get('Web-1');
    expect(web1).toMatchObject({ restorePoints: 3, storedBytes: 2700, unsupported: null });
    const points = await client.restorePointPage(mine.web1.id, { limit: 1 });
    expect(web1?.lastRestorePointAt).toBe(points.items[0]?.sealedAt);
    expect(all.get('Rescued')).toMatchObject({ restorePoints: 1, unsupported: { code: 'instance_rescued' } });
    expect(all.get('moving')).toMatchObject({ unsupported: { code: 'instance_moving' }, lastRestorePointAt: null });
    for (const view of all.values()) expect(await client.instance(view.id)).toEqual(view);
  });

  it('is protected again after the next snapshot that succeeds, and a cancelled one makes no difference', async () => {
    await plane.snapshot('member-red', worker, mine.db.id);
    expect(await client.instance(mine.db.id)).toMatchObject({ protection: 'protected', restorePoints: 2 });
    const asked = await client.createSnapshot(mine.db.id);
    expect(await client.instance(mine.db.id)).toMatchObject({
      protection: 'protected',
      operationId: asked.operationId,
    });
    await plane.rows(`update restore_points set status = 'error', problem = '{"code":"cancelled"}' where uid = $1`, [
      asked.uid,
    ]);
    expect(await client.instance(mine.db.id)).toMatchObject({ protection: 'protected' });
    await plane.perform(worker, asked.operationId);
    await plane.operation('member-red', asked.operationId, 'succeeded');
    await fail(mine.db.id);
    expect(await client.instance(mine.db.id)).toMatchObject({ protection: 'failing', restorePoints: 3 });
  });
});

describe('the list of instances', () => {
  it.each([
    [{ sort: 'name' }, ['db', 'moving', 'raw', 'Rescued', 'Web-1', 'web-2 100%_sure']],
    [{ sort: 'name', order: 'desc' }, ['web-2 100%_sure', 'Web-1', 'Rescued', 'raw', 'moving', 'db']],
    [{ sort: 'storedBytes', order: 'desc', protection: 'failing' }, ['db', 'web-2 100%_sure']],
    [{ search: 'WEB' }, ['Web-1', 'web-2 100%_sure']],
    [{ search: '%' }, ['web-2 100%_sure']],
    [{ search: '_' }, ['web-2 100%_sure']],
    [{ search: "'; drop" }, []],
    [{ protection: 'unsupported' }, ['Rescued', 'raw']],
    [{ protection: 'unprotected' }, ['moving']],
    [{ host: 'compute-2' }, []],
    [{ projectId: 'blue' }, []],
  ] as [Partial<InstanceQuery>, string[]][])('for %j has %j', async (query, expected) => {
    const found = await names(query);
    expect(query.sort === undefined ? found.sort() : found).toEqual(expected);
  });

  it('is searched by the beginning of an id as well', async () => {
    expect(await names({ search: mine.raw.id.slice(0, 13).toUpperCase() })).toEqual(['raw']);
    expect(await names({ search: mine.raw.id.slice(9) })).toEqual([]);
  });

  it('is of all projects for administrators, who may ask for one of them', async () => {
    expect((await names({ sort: 'name' }, admin)).slice(-2)).toEqual(['web-2 100%_sure', 'web-3']);
    expect((await names({ projectId: 'blue' as never, sort: 'name' }, admin)).sort()).toEqual(['other', 'web-3']);
    expect(await names({ host: 'compute-2' as never }, admin)).toEqual(['other']);
  });

  const sorts = ['id', 'name', 'host', 'lastRestorePointAt', 'storedBytes', 'virtualSizeBytes'] as const;
  it.each(sorts.flatMap((sort) => [[sort, 'asc'] as const, [sort, 'desc'] as const]))(
    'by %s, %s, has each once on pages of any size, those without a value last',
    async (sort, order) => {
      const whole = (await client.instancePage({ sort, order })).items;
      expect(whole).toHaveLength(6);
      for (const limit of [1, 2, 5]) {
        const turned: InstanceView[] = [];
        for await (const view of client.instances({ sort, order, limit })) turned.push(view);
        expect(turned.map(({ id }) => id)).toEqual(whole.map(({ id }) => id));
      }
      const values = whole.map((view) => view[sort]);
      const known = values.filter((value) => value !== null);
      expect(values.slice(known.length)).toEqual(values.filter((value) => value === null));
      const value = (one: string | number): string | number => (sort === 'name' ? String(one).toLowerCase() : one);
      const sorted = [...known].map(value).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
      expect(known.map(value)).toEqual(order === 'asc' ? sorted : sorted.reverse());
    },
  );

  it('goes on where it was while instances come and go', async () => {
    const first = await client.instancePage({ sort: 'name', limit: 3 });
    expect(first.items.map(({ name }) => name)).toEqual(['db', 'moving', 'raw']);
    const early = newInstance('red', { name: 'aaa' });
    const late = newInstance('red', { name: 'sss' });
    await plane.host('compute-3', [early, late]);
    await plane.rows(`delete from instances where id = $1`, [mine.raw.id]);
    const rest = await client.instancePage({ sort: 'name', ...(first.nextMarker && { marker: first.nextMarker }) });
    expect(rest.items.map(({ name }) => name)).toEqual(['Rescued', 'sss', 'Web-1', 'web-2 100%_sure']);
    await plane.rows(`delete from instances where id = any($1)`, [[early.id, late.id]]);
    await worker.heartbeat();
  });

  it('takes no marker of another order, or one that is none', async () => {
    const { nextMarker } = await client.instancePage({ sort: 'name', limit: 1 });
    const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    for (const query of [
      `sort=name&order=desc&marker=${nextMarker}`,
      `sort=host&marker=${nextMarker}`,
      `marker=${mine.web1.id}`,
      `marker=${encode(['storedBytes', 'asc', 'x', mine.web1.id])}`,
      `sort=storedBytes&marker=${encode(['storedBytes', 'asc', 'x', mine.web1.id])}`,
      `sort=lastRestorePointAt&marker=${encode(['lastRestorePointAt', 'asc', 'x', mine.web1.id])}`,
      `sort=name&marker=${encode(['name', 'asc', '\0', mine.web1.id])}`,
      'sort=size',
      'protection=some',
      'search=',
    ]) {
      const { status, body } = await plane.call('member-red', 'GET', `/v1/instances?${query}`);
      expect([query, status, body['code']]).toEqual([query, 400, 'invalid_request']);
    }
  });
});

describe('the list of operations', () => {
  it('names the instance, and is of one kind, one host, or those that go on', async () => {
    const asked = await client.createSnapshot(mine.web1.id);
    const [active] = (await client.operationPage({ active: true })).items;
    expect(active).toMatchObject({ id: asked.operationId, instanceName: 'Web-1', host: 'compute-1', state: 'queued' });
    expect((await client.operation(asked.operationId)).instanceName).toBe('Web-1');
    expect((await client.operationPage({ active: true })).items).toHaveLength(1);
    const over = (await client.operationPage({ active: false })).items;
    expect(over.length).toBeGreaterThan(5);
    expect(over.map(({ finishedAt }) => finishedAt)).not.toContain(null);
    expect((await client.operationPage({ kind: 'rollback' })).items).toEqual([]);
    expect((await client.operationPage({ kind: 'snapshot', limit: 3 })).items).toHaveLength(3);
    expect((await admin.operationPage({ host: 'compute-2' as never })).items).toEqual([]);
    expect((await admin.operationPage({ host: 'compute-1' as never, active: true })).items).toHaveLength(1);
    await plane.perform(worker, asked.operationId);
    await plane.operation('member-red', asked.operationId, 'succeeded');
    expect((await client.operationPage({ active: true })).items).toEqual([]);
  });
});
