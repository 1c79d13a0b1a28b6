import type { EventData } from '@varve/contracts';
import type { InstanceId, LayerUid, OperationId } from '@varve/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, freshVhost } from '../../../testbed/services/shared.ts';
import { ControlPlane } from './kit/control-plane.js';
import { newInstance } from './kit/fake-worker.js';
import type { FakeWorker } from './kit/fake-worker.js';
import { until } from './kit/until.js';

// What hosts say of themselves, from their word to the API's answer.

type Chain = EventData<'instance.chain'>['chain'];

let plane: ControlPlane;
let worker: FakeWorker;

beforeAll(async () => {
  plane = await ControlPlane.start({ databaseUrl: await freshDatabase(), amqpUrl: await freshVhost() });
  worker = await plane.host('compute-1', [newInstance('red')]);
});
afterAll(() => plane?.stop());

const fresh = async (): Promise<InstanceId> => {
  const instance = newInstance('red');
  worker.instances.push(instance);
  await worker.heartbeat();
  await until('the instance is known', async () => (await get(`/v1/instances/${instance.id}`)).status === 200);
  return instance.id;
};
const get = (path: string) => plane.call('reader-red', 'GET', path);
const post = (path: string, body?: object) => plane.call('member-red', 'POST', path, body);

const layer = (asOf: LayerUid | null, merged = 1): Chain['layers'][number] => ({
  fileId: null,
  asOf,
  merged,
  isMixture: false,
  fileBytes: 2000,
  allocatedBytes: 1000,
});
const chain = (layers: Chain['layers'], kept: Chain['kept'] = null): Chain => ({
  observedAt: new Date().toISOString(),
  base: { name: 'debian-12', sizeBytes: 5000, sha256: null },
  layers,
  kept,
});

async function rollback(instanceId: InstanceId, snapshotUid: unknown): Promise<OperationId> {
  const { body } = await post(`/v1/instances/${instanceId}/rollbacks`, { snapshotUid: snapshotUid as string });
  await plane.perform(worker, body['id']);
  await plane.operation('member-red', body['id'], 'succeeded');
  return body['id'] as OperationId;
}

describe('the chain of an instance', () => {
  const shown = async (instanceId: InstanceId, layers: Chain['layers']) => {
    const said = chain(layers);
    await worker.tell('instance.chain', instanceId, { host: worker.host, instanceId, chain: said });
    return until('it is recorded', async () => {
      const { body } = await get(`/v1/instances/${instanceId}/chain`);
      return body['observedAt'] === said.observedAt && body;
    });
  };

  it('is empty, and seen at no time, until its host has told of it', async () => {
    const id = await fresh();
    expect((await get(`/v1/instances/${id}/chain`)).body).toEqual({
      instanceId: id,
      base: null,
      layers: [],
      observedAt: null,
    });
    expect((await plane.call('reader-blue', 'GET', `/v1/instances/${id}/chain`)).status).toBe(404);
  });

  it('says of each layer what it is, whether it is stored and whose it is, through a success and a failure', async () => {
    const id = await fresh();
    const first = await plane.snapshot('member-red', worker, id, { name: 'the first' });
    const uid = first['layerUid'] as LayerUid;
    expect(await shown(id, [layer(uid), layer(null)])).toMatchObject({
      base: { name: 'debian-12', sizeBytes: 5000 },
      layers: [
        {
          role: 'history',
          layerUid: uid,
          stored: true,
          snapshotUid: first['uid'],
          snapshotName: 'the first',
          fileBytes: 2000,
          allocatedBytes: 1000,
        },
        { role: 'active', layerUid: null, stored: false, snapshotUid: null },
      ],
    });

    const asked = await post(`/v1/instances/${id}/snapshots`, { name: 'the second' });
    const job = await until('the job arrives', () => worker.jobFor(String(asked.body['operationId'])));
    if (job.type !== 'snapshot.take') throw new Error(job.type);
    const whose = { layerUid: job.layerUid, snapshotUid: asked.body['uid'], snapshotName: 'the second' };
    const sealed = [layer(uid, 4), layer(job.layerUid), layer(null)];
    const expected = [{ role: 'history' }, { role: 'sealed', stored: false, ...whose }, { role: 'active' }];
    expect(await shown(id, sealed)).toMatchObject({ layers: expected });

    for (const event of worker.eventsOf(job, 'failed')) await worker.publish(event);
    await plane.operation('member-red', job.operationId, 'failed');
    expect(await shown(id, sealed)).toMatchObject({ layers: expected });
  });
});

describe('the steps of an operation', () => {
  it('can be followed, and stand still where it was given up', async () => {
    const id = await fresh();
    const asked = await post(`/v1/instances/${id}/snapshots`, {});
    const operationId = String(asked.body['operationId']);
    const steps = async () => (await get(`/v1/operations/${operationId}/steps`)).body['items'];
    expect(await steps()).toEqual([]);
    const job = await until('the job arrives', () => worker.jobFor(operationId));
    const events = worker.eventsOf(job);
    for (const event of events.slice(0, 4)) await worker.publish(event);
    await until('its second step is seen', async () => ((await steps()) as unknown as object[]).length === 2);
    expect(await steps()).toMatchObject([
      { name: 'examine chain', state: 'done', detail: null },
      { name: 'do it', state: 'running', finishedAt: null },
    ]);
    await plane.rows(
      `update operations set state = 'failed', settled_by = 'sweep', finished_at = now(), problem = $2 where id = $1`,
      [operationId, { code: 'host_unavailable', remedy: 'retry', message: 'silent', facts: {} }],
    );
    expect(await steps()).toMatchObject([{ state: 'done' }, { state: 'failed', detail: 'silent' }]);
    for (const event of events) await worker.publish(event);
    await plane.operation('member-red', operationId, 'succeeded');
    expect(await steps()).toMatchObject([{ state: 'done' }, { state: 'done' }]);
    expect((await plane.call('reader-blue', 'GET', `/v1/operations/${operationId}/steps`)).status).toBe(404);
  });
});

describe('keeping the outcome of a rollback', () => {
  it('gives up what it replaced: after that it can be neither undone nor kept, and its layers may go', async () => {
    const id = await fresh();
    const first = await plane.snapshot('member-red', worker, id);
    const second = await plane.snapshot('member-red', worker, id);
    const older = await rollback(id, second['uid']);
    const latest = await rollback(id, first['uid']);
    const kept = { rollbackId: latest, allocatedBytes: 12_345 };
    const said = chain([layer(null)], kept);
    await worker.tell('instance.chain', id, { host: worker.host, instanceId: id, chain: said });
    await until('what is kept is known', async () => {
      const { body } = await get(`/v1/rollbacks/${latest}`);
      return body['keptBytes'] === 12_345;
    });
    expect((await get(`/v1/rollbacks/${older}`)).body).toMatchObject({ undoable: false, keptBytes: null });

    expect((await plane.call('reader-red', 'POST', `/v1/rollbacks/${latest}/keep`)).status).toBe(403);
    expect((await plane.call('member-blue', 'POST', `/v1/rollbacks/${latest}/keep`)).status).toBe(404);
    const wrong = await post(`/v1/rollbacks/${older}/keep`);
    expect(wrong).toMatchObject({ status: 409, body: { code: 'conflict', facts: { latest } } });

    const asked = await post(`/v1/rollbacks/${latest}/keep`);
    expect(asked).toMatchObject({ status: 202, body: { kind: 'keep', instanceId: id, state: 'queued' } });
    const job = await until('the job arrives', () => worker.jobFor(String(asked.body['id'])));
    expect(job).toMatchObject({ type: 'rollback.keep', rollbackId: latest });
    // Until its host has done it, all is as it was.
    expect((await get(`/v1/rollbacks/${latest}`)).body).toMatchObject({ undoable: true });
    await worker.perform(job);
    await plane.operation('member-red', asked.body['id'], 'succeeded');

    expect((await get(`/v1/rollbacks/${latest}`)).body).toMatchObject({ undoable: false, keptBytes: null });
    expect((await get(`/v1/rollbacks/${older}`)).body).toMatchObject({ undoable: false });
    for (const what of ['undo', 'keep']) {
      for (const rollbackId of [latest, older]) {
        const answer = await post(`/v1/rollbacks/${rollbackId}/${what}`);
        expect(answer).toMatchObject({ status: 409, body: { code: 'conflict' } });
      }
    }
    const gone = await plane.call('member-red', 'DELETE', `/v1/snapshots/${String(second['uid'])}`);
    await plane.operation('member-red', gone.body['id'], 'succeeded');
    await until('nothing keeps the layer any more', async () => {
      const rows = await plane.rows('select uid from layers where instance_id = $1', [id]);
      return rows.length === 1 && rows[0]?.['uid'] === first['layerUid'];
    });
    // The next rollback can be undone again.
    const next = await rollback(id, first['uid']);
    expect((await get(`/v1/rollbacks/${next}`)).body).toMatchObject({ undoable: true });
  });
});

describe('what a rollback replaced', () => {
  it('can not be brought back once its host says that it is not there any more, as after a rebuild', async () => {
    const id = await fresh();
    const first = await plane.snapshot('member-red', worker, id);
    const latest = await rollback(id, first['uid']);
    const { finishedAt } = (await get(`/v1/operations/${latest}`)).body;
    const tell = async (afterMs: number, kept: Chain['kept']): Promise<Record<string, unknown>> => {
      const observedAt = new Date(Date.parse(finishedAt as string) + afterMs).toISOString();
      const said = { ...chain([layer(null)], kept), observedAt };
      await worker.tell('instance.chain', id, { host: worker.host, instanceId: id, chain: said });
      await until('it is recorded', async () => {
        const { body } = await get(`/v1/instances/${id}/chain`);
        return body['observedAt'] === observedAt;
      });
      return (await get(`/v1/rollbacks/${latest}`)).body;
    };
    // What was seen before its end says nothing.
    expect(await tell(-1, null)).toMatchObject({ undoable: true, keptBytes: null });
    expect(await tell(1, { rollbackId: latest, allocatedBytes: 7 })).toMatchObject({ undoable: true, keptBytes: 7 });
    expect(await tell(2, null)).toMatchObject({ undoable: false, keptBytes: null });
    for (const what of ['undo', 'keep']) {
      expect(await post(`/v1/rollbacks/${latest}/${what}`)).toMatchObject({ status: 409, body: { code: 'conflict' } });
    }
  });
});

describe('the settings of a host', () => {
  it('are what its worker told last, for administrators alone', async () => {
    const settings = { VARVE_TRANSFERS: '2' };
    const hosts = () => plane.call('admin-red', 'GET', '/v1/hosts');
    expect((await hosts()).body.items[0]).toMatchObject({ name: 'compute-1', settings: {} });
    await worker.heartbeat(worker.instances, { settings });
    await until(
      'they are recorded',
      async () => Object.keys((await hosts()).body.items[0]?.['settings'] ?? {}).length > 0,
    );
    expect((await hosts()).body.items[0]).toMatchObject({ settings });
    expect((await get('/v1/hosts')).status).toBe(403);
  });
});
