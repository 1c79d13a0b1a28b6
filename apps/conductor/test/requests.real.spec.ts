import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, freshVhost } from '../../../testbed/services/shared.ts';
import { ControlPlane } from './kit/control-plane.js';
import { newInstance } from './kit/fake-worker.js';
import type { FakeWorker } from './kit/fake-worker.js';
import { until } from './kit/until.js';

// Two APIs and two conductors at once, on a real database and a real broker.

let plane: ControlPlane;
let worker: FakeWorker;
const fresh = async (more: Parameters<typeof newInstance>[1] = {}): Promise<string> => {
  const instance = newInstance('red', more);
  worker.instances.push(instance);
  await worker.heartbeat();
  await until(
    'the instance is known',
    async () => (await plane.call('member-red', 'GET', `/v1/instances/${instance.id}`)).status === 200,
  );
  return instance.id;
};

beforeAll(async () => {
  plane = await ControlPlane.start({
    databaseUrl: await freshDatabase(),
    amqpUrl: await freshVhost(),
    apis: 2,
    conductors: 2,
  });
  worker = await plane.host('compute-1', [newInstance('red')]);
});
afterAll(() => plane?.stop());

describe('a snapshot', () => {
  it('goes from the request to the host and back into the catalog', async () => {
    const id = await fresh();
    const asked = await plane.call('member-red', 'POST', `/v1/instances/${id}/snapshots`, {
      name: 'before the upgrade',
    });
    expect(asked.status).toBe(202);
    expect(asked.body).toMatchObject({
      status: 'creating',
      name: 'before the upgrade',
      instanceId: id,
      projectId: 'red',
    });

    const job = await until('the job arrives', () => worker.jobFor(String(asked.body['operationId'])));
    expect(job).toMatchObject({ type: 'snapshot.take', epoch: 1, storedLayers: [], quiesce: 'try', instanceId: id });
    await worker.perform(job);
    const done = await plane.operation('member-red', job.operationId, 'succeeded');
    expect(done).toMatchObject({
      phase: 'finishing',
      doneBytes: 1000,
      totalBytes: 1000,
      cancellable: false,
      chainLength: 2,
    });

    const { body } = await plane.call('reader-red', 'GET', `/v1/snapshots/${String(asked.body['uid'])}`);
    expect(body).toMatchObject({
      status: 'available',
      uploadedBytes: 900,
      changedBytes: 1000,
      stallMs: 1.5,
      consistency: 'crash',
      problem: null,
    });

    const second = await plane.snapshot('member-red', worker, id);
    expect(second['backingUid']).toBe(body['layerUid']);
    expect(worker.jobs.at(-1)).toMatchObject({ epoch: 2, storedLayers: [body['layerUid']] });
  });

  it('is let in once when twenty ask at the same moment; the others are told which one runs', async () => {
    const id = await fresh();

    const answers = await Promise.all(
      Array.from({ length: 20 }, () => plane.call('member-red', 'POST', `/v1/instances/${id}/snapshots`, {})),
    );

    const accepted = answers.filter(({ status }) => status === 202);
    expect(accepted).toHaveLength(1);
    const refused = answers.filter(({ status }) => status === 409);
    expect(refused).toHaveLength(19);
    for (const { body } of refused) {
      expect(body).toMatchObject({
        code: 'operation_running',
        facts: { operationId: accepted[0]?.body['operationId'] },
      });
    }
    expect(await plane.rows('select id from operations where instance_id = $1', [id])).toHaveLength(1);
    await until('the job arrives', () => worker.jobFor(String(accepted[0]?.body['operationId'])));
    expect(worker.jobs.filter((job) => job.instanceId === id)).toHaveLength(1);
  });

  it('that fails says why, and the next one is not held up by it', async () => {
    const id = await fresh();
    const asked = await plane.call('member-red', 'POST', `/v1/instances/${id}/snapshots`, {});
    const job = await until('the job arrives', () => worker.jobFor(String(asked.body['operationId'])));
    for (const event of worker.eventsOf(job, 'failed')) await worker.publish(event);

    const failed = await plane.operation('member-red', job.operationId, 'failed');
    // And where it broke off.
    expect(failed).toMatchObject({ phase: 'uploading', problem: { code: 'store_unavailable' } });
    const { body } = await plane.call('member-red', 'GET', `/v1/snapshots/${String(asked.body['uid'])}`);
    expect(body).toMatchObject({ status: 'error', problem: { code: 'store_unavailable' } });
    const points = await plane.call('member-red', 'GET', `/v1/instances/${id}/restore-points`);
    expect(points.body.items).toEqual([]);

    expect((await plane.snapshot('member-red', worker, id))['status']).toBe('available');

    const gone = await plane.call('member-red', 'DELETE', `/v1/snapshots/${String(asked.body['uid'])}`);
    expect(gone).toMatchObject({ status: 202, body: { state: 'succeeded', kind: 'delete' } });
    expect((await plane.call('member-red', 'GET', `/v1/snapshots/${String(asked.body['uid'])}`)).status).toBe(404);
  });

  it.each([
    ['disk_not_local', 422],
    ['disk_encrypted', 422],
    ['chain_diverged', 409],
  ])('of an instance whose disk is %s is refused with that reason', async (code, status) => {
    const id = await fresh({ unsupported: { code, remedy: 'fix-request', message: 'no', facts: { why: 'so' } } });
    const answer = await plane.call('member-red', 'POST', `/v1/instances/${id}/snapshots`, {});
    expect(answer).toMatchObject({ status, body: { code, facts: { why: 'so' } } });
  });

  it('of an instance that its host no longer reports is refused', async () => {
    const id = await fresh();
    worker.instances.pop();
    await worker.heartbeat();
    await until(
      'it is unknown',
      async () => (await plane.call('member-red', 'GET', `/v1/instances/${id}`)).body['state'] === 'unknown',
    );
    const answer = await plane.call('member-red', 'POST', `/v1/instances/${id}/snapshots`, {});
    expect(answer).toMatchObject({ status: 409, body: { code: 'conflict' } });
  });
});

describe('a rollback', () => {
  it('goes to the newest restore point that is not later than the time asked for, with all it is made of', async () => {
    const id = await fresh();
    const first = await plane.snapshot('member-red', worker, id);
    const second = await plane.snapshot('member-red', worker, id);
    const third = await plane.snapshot('member-red', worker, id);

    const early = await plane.call('member-red', 'POST', `/v1/instances/${id}/rollbacks`, {
      at: '2001-01-01T00:00:00Z',
    });
    expect(early).toMatchObject({ status: 404, body: { code: 'not_found', facts: { kind: 'restore_point' } } });

    const asked = await plane.call('member-red', 'POST', `/v1/instances/${id}/rollbacks`, { at: second['sealedAt'] });
    expect(asked).toMatchObject({
      status: 202,
      body: { kind: 'rollback', snapshotUid: second['uid'], state: 'queued' },
    });
    const during = await plane.call('member-red', 'GET', `/v1/snapshots/${String(second['uid'])}`);
    expect(during.body['status']).toBe('restoring');

    const job = await until('the job arrives', () => worker.jobFor(String(asked.body['id'])));
    if (job.type !== 'rollback.run') throw new Error(job.type);
    expect(job.lineage.map(({ uid }) => uid)).toEqual([first['layerUid'], second['layerUid']]);
    expect(job.currentLineage.map(({ uid }) => uid)).toEqual([first, second, third].map((point) => point['layerUid']));
    expect(job.storedLayers).toHaveLength(3);
    await worker.perform(job);
    await plane.operation('member-red', job.operationId, 'succeeded');

    const after = await plane.call('member-red', 'GET', `/v1/rollbacks/${job.operationId}`);
    expect(after.body).toMatchObject({ fetchedBytes: 100, localBytes: 200, downtimeMs: 30, undoable: true });
    const point = await plane.call('member-red', 'GET', `/v1/snapshots/${String(second['uid'])}`);
    expect(point.body['status']).toBe('available');
  });

  it('and a settled disk: the chain stands on no stored state any more, the points stay', async () => {
    const id = await fresh();
    const first = await plane.snapshot('member-red', worker, id);
    expect(await plane.call('reader-red', 'POST', `/v1/instances/${id}/settle`)).toMatchObject({ status: 403 });
    const asked = await plane.call('member-red', 'POST', `/v1/instances/${id}/settle`);
    expect(asked).toMatchObject({ status: 202, body: { kind: 'settle', snapshotUid: null, state: 'queued' } });
    const job = await until('the job arrives', () => worker.jobFor(String(asked.body['id'])));
    expect(job).toMatchObject({ type: 'disk.settle', storedLayers: [first['layerUid']] });
    await worker.perform(job);
    await plane.operation('member-red', job.operationId, 'succeeded');
    const point = await plane.call('member-red', 'GET', `/v1/snapshots/${String(first['uid'])}`);
    expect(point.body['status']).toBe('available');
  });

  it('and an image of it, which its operation names; the chain is as it was, and the instance may be gone', async () => {
    const id = await fresh();
    const first = await plane.snapshot('member-red', worker, id);
    const second = await plane.snapshot('member-red', worker, id);
    const path = `/v1/snapshots/${String(first['uid'])}/exports`;
    const body = { name: 'as it was' };
    expect(await plane.call('reader-red', 'POST', path, body)).toMatchObject({ status: 403 });
    expect(await plane.call('member-blue', 'POST', path, body)).toMatchObject({ status: 404 });
    expect(await plane.call('member-red', 'POST', path, { ...body, visibility: 'public' })).toMatchObject({
      status: 400,
    });

    for (const gone of [false, true]) {
      if (gone) await worker.heartbeat(worker.instances.filter((instance) => instance.id !== id));
      if (gone)
        await until(
          'it is gone',
          async () =>
            (await plane.rows(`select from instances where id = $1 and state = 'unknown'`, [id])).length === 1,
        );
      const asked = await plane.call('member-red', 'POST', path, body);
      expect(asked).toMatchObject({ status: 202, body: { kind: 'export', snapshotUid: first['uid'], imageId: null } });
      const busy = await plane.call('member-red', 'DELETE', `/v1/snapshots/${String(second['uid'])}`);
      expect(busy).toMatchObject({ status: 409, body: { code: 'operation_running' } });
      const job = await until('the job arrives', () => worker.jobFor(String(asked.body['id'])));
      expect(job).toMatchObject({
        type: 'point.export',
        projectId: 'red',
        lineage: [{ uid: first['layerUid'] }],
        currentLineage: [{ uid: first['layerUid'] }, { uid: second['layerUid'] }],
        takenAt: first['sealedAt'],
        image: { name: 'as it was', visibility: 'private', diskFormat: 'qcow2' },
      });
      await worker.perform(job);
      const ended = await plane.operation('member-red', job.operationId, 'succeeded');
      expect(ended['imageId']).toMatch(/^[0-9a-f-]{36}$/);
    }
    const [{ head } = { head: null }] = await plane.rows(`select head_layer_uid as head from instances where id = $1`, [
      id,
    ]);
    expect(head).toBe(second['layerUid']);
  });

  it('and a repair: its job says what the layers below the active one have to show, where that is sure', async () => {
    const id = await fresh();
    const first = await plane.snapshot('member-red', worker, id);
    const repaired = async (body?: object): Promise<unknown> => {
      const asked = await plane.call('member-red', 'POST', `/v1/instances/${id}/repair`, body);
      expect(asked).toMatchObject({ status: 202, body: { kind: 'repair', snapshotUid: null } });
      const job = await until('the job arrives', () => worker.jobFor(String(asked.body['id'])));
      await worker.perform(job);
      await plane.operation('member-red', job.operationId, 'succeeded');
      return job;
    };
    expect(await plane.call('reader-red', 'POST', `/v1/instances/${id}/repair`)).toMatchObject({ status: 403 });
    const lineage = [{ uid: first['layerUid'] }];
    const job = { type: 'disk.repair', topLayerUid: first['layerUid'], lineage, acceptDisk: false };
    expect(await repaired()).toMatchObject(job);
    expect(await repaired({ acceptDisk: true })).toMatchObject({ ...job, acceptDisk: true });
  });

  it('can be undone once, and only the latest', async () => {
    const id = await fresh();
    const first = await plane.snapshot('member-red', worker, id);
    await plane.snapshot('member-red', worker, id);
    const ids: unknown[] = [];
    for (const uid of [first['uid'], first['uid']]) {
      const { body } = await plane.call('member-red', 'POST', `/v1/instances/${id}/rollbacks`, { snapshotUid: uid });
      ids.push(body['id']);
      await plane.perform(worker, body['id']);
      await plane.operation('member-red', body['id'], 'succeeded');
    }
    const old = await plane.call('member-red', 'POST', `/v1/rollbacks/${String(ids[0])}/undo`);
    expect(old).toMatchObject({ status: 409, body: { code: 'conflict', facts: { latest: ids[1] } } });

    const undo = await plane.call('member-red', 'POST', `/v1/rollbacks/${String(ids[1])}/undo`);
    expect(undo).toMatchObject({ status: 202, body: { kind: 'undo', undoes: ids[1] } });
    const job = await until('the job arrives', () => worker.jobFor(String(undo.body['id'])));
    expect(job).toMatchObject({ type: 'rollback.undo', rollbackId: ids[1] });
    await worker.perform(job);
    await plane.operation('member-red', undo.body['id'], 'succeeded');

    const list = await plane.call('member-red', 'GET', `/v1/instances/${id}/rollbacks`);
    expect(list.body.items.map((item) => [item['id'], item['undoable']])).toEqual([
      [undo.body['id'], true],
      [ids[1], false],
      [ids[0], false],
    ]);
  });

  it('to a snapshot of another instance, or to one that is not there, finds nothing', async () => {
    const [id, other] = [await fresh(), await fresh()];
    const point = await plane.snapshot('member-red', worker, other);
    for (const uid of [point['uid'], crypto.randomUUID()]) {
      const answer = await plane.call('member-red', 'POST', `/v1/instances/${id}/rollbacks`, { snapshotUid: uid });
      expect(answer).toMatchObject({ status: 404, body: { code: 'not_found', facts: { kind: 'restore_point' } } });
    }
  });
});

describe('cancelling', () => {
  it('asks the host, once, and is refused past the point of no return', async () => {
    const id = await fresh();
    const asked = await plane.call('member-red', 'POST', `/v1/instances/${id}/snapshots`, {});
    const operationId = String(asked.body['operationId']);
    const job = await until('the job arrives', () => worker.jobFor(operationId));
    for (let i = 0; i < 2; i++) {
      const answer = await plane.call('member-red', 'POST', `/v1/operations/${operationId}/cancel`);
      expect(answer).toMatchObject({
        status: 202,
        body: { state: 'queued', cancellable: false, cancelRequested: true },
      });
    }
    await until('the cancellation arrives', () =>
      worker.jobs.some((other) => other.type === 'operation.cancel' && other.operationId === operationId),
    );
    const progress = { operationId: job.operationId, instanceId: job.instanceId, doneBytes: 0, totalBytes: 0 };
    await worker.tell('operation.progress', id, { ...progress, phase: 'merging', pastNoReturn: true });
    await plane.operation('member-red', operationId, 'running');
    const late = await plane.call('member-red', 'POST', `/v1/operations/${operationId}/cancel`);
    expect(late).toMatchObject({ status: 409, body: { code: 'past_point_of_no_return' } });

    await worker.perform(job);
    await plane.operation('member-red', operationId, 'succeeded');
    const over = await plane.call('member-red', 'POST', `/v1/operations/${operationId}/cancel`);
    expect(over).toMatchObject({ status: 409, body: { code: 'conflict' } });
  });
});

describe('deleting', () => {
  it('takes the newest snapshot and its layer, refuses one that others stand on, keeps what the host stands on', async () => {
    const id = await fresh();
    const [first, second, third] = [
      await plane.snapshot('member-red', worker, id),
      await plane.snapshot('member-red', worker, id),
      await plane.snapshot('member-red', worker, id),
    ];
    const remove = (point: Record<string, unknown>) =>
      plane.call('member-red', 'DELETE', `/v1/snapshots/${String(point['uid'])}`);
    const layers = async (): Promise<unknown[]> =>
      (await plane.rows('select uid from layers where instance_id = $1 order by created_at', [id])).map(
        ({ uid }) => uid,
      );

    const middle = await remove(second);
    expect(middle).toMatchObject({ status: 409, body: { code: 'snapshot_needed', facts: { neededBy: third['uid'] } } });

    // The host's chain stands on the third: the snapshot goes, its layer stays in the success list.
    const newest = await remove(third);
    expect(newest.status).toBe(202);
    await plane.operation('member-red', newest.body['id'], 'succeeded');
    expect((await plane.call('member-red', 'GET', `/v1/snapshots/${String(third['uid'])}`)).status).toBe(404);
    expect(await layers()).toEqual([first, second, third].map((point) => point['layerUid']));

    // Rolled back to the first, the chain has left it. What the undo would need is kept until the next rollback.
    const rollBack = async (): Promise<void> => {
      const path = `/v1/instances/${id}/rollbacks`;
      const { body } = await plane.call('member-red', 'POST', path, { snapshotUid: first['uid'] });
      await plane.perform(worker, body['id']);
      await plane.operation('member-red', body['id'], 'succeeded');
    };
    await rollBack();
    expect(await layers()).toHaveLength(3);
    await rollBack();
    await until('the unneeded layer is discarded', async () => (await layers()).length === 2);

    const last = await remove(second);
    await plane.operation('member-red', last.body['id'], 'succeeded');
    expect(await layers()).toEqual([first['layerUid']]);
    await until('both objects are removed', () => plane.removed.filter((key) => key.includes(id)).length === 2);
    expect(plane.removed.some((key) => key.includes(String(first['layerUid'])))).toBe(false);
  });

  it('succeeds while the store is away, and the object is removed when it is back', async () => {
    const id = await fresh();
    const first = await plane.snapshot('member-red', worker, id);
    const second = await plane.snapshot('member-red', worker, id);
    const { body } = await plane.call('member-red', 'POST', `/v1/instances/${id}/rollbacks`, {
      snapshotUid: first['uid'],
    });
    await plane.perform(worker, body['id']);
    await plane.operation('member-red', body['id'], 'succeeded');
    const again = await plane.call('member-red', 'POST', `/v1/instances/${id}/rollbacks`, {
      snapshotUid: first['uid'],
    });
    await plane.perform(worker, again.body['id']);
    await plane.operation('member-red', again.body['id'], 'succeeded');

    plane.storeFault = new Error('the store is away');
    const gone = await plane.call('member-red', 'DELETE', `/v1/snapshots/${String(second['uid'])}`);
    await plane.operation('member-red', gone.body['id'], 'succeeded');
    const uid = second['layerUid'];
    await until('it was tried', async () => {
      const [row] = await plane.rows('select attempts from discarded_layers where uid = $1', [uid]);
      return row && Number(row['attempts']) > 0;
    });
    plane.storeFault = null;
    await plane.rows('update discarded_layers set next_attempt_at = now() where uid = $1', [uid]);
    await until('it is removed', () => plane.removed.some((key) => key.includes(String(uid))));
  });
});
