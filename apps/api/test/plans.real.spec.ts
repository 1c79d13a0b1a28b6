import { VarveClient } from '@varve/api-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, freshVhost } from '../../../testbed/services/shared.ts';
import { ControlPlane } from '../../conductor/test/kit/control-plane.js';
import { newInstance } from '../../conductor/test/kit/fake-worker.js';
import type { FakeWorker } from '../../conductor/test/kit/fake-worker.js';
import { until } from '../../conductor/test/kit/until.js';

// The played worker says of every layer: 900 bytes in the store, 1000 of the guest; of every rollback: 30 ms down.

let plane: ControlPlane;
let worker: FakeWorker;
let client: VarveClient;
const problem = { code: 'disk_raw', remedy: 'fix-request' as const, message: 'raw', facts: {} };
const one = newInstance('red');
const fresh = newInstance('red');
const raw = newInstance('red', { unsupported: problem });
const lonely = newInstance('red');

beforeAll(async () => {
  plane = await ControlPlane.start({ databaseUrl: await freshDatabase(), amqpUrl: await freshVhost() });
  worker = await plane.host('compute-1', [one, fresh, raw]);
  client = new VarveClient({ url: plane.apis[0]?.url ?? '', token: 'member-red', retries: 0 });
});
afterAll(() => plane?.stop());

/** What its host says of the chain: the states that its sealed layers show, and how much is above. */
async function chainIs(
  instanceId: string,
  layers: { asOf: unknown; isMixture?: boolean; bytes: number }[],
): Promise<void> {
  const said = layers.map(({ asOf, isMixture = false, bytes }) => ({
    fileId: null,
    asOf,
    merged: 1,
    isMixture,
    fileBytes: bytes,
    allocatedBytes: bytes,
  }));
  await plane.rows(`update instances set chain = $2, chain_at = now() where id = $1`, [
    instanceId,
    JSON.stringify({ base: null, layers: said, kept: null }),
  ]);
}
const refusal = (asked: Promise<unknown>): Promise<unknown> =>
  asked.then(
    () => null,
    (error: { code: string; remedy: string }) => error.code,
  );

describe('the estimate of a snapshot', () => {
  it('knows nothing where nothing was seen', async () => {
    expect(await client.snapshotEstimate(fresh.id)).toEqual({
      instanceId: fresh.id,
      changedBytesAtMost: null,
      stall: null,
      duration: null,
      refusal: null,
    });
  });

  it('goes by the instance’s own, else its host’s, else all', async () => {
    for (let n = 0; n < 3; n++) await plane.snapshot('member-red', worker, one.id);
    const own = await client.snapshotEstimate(one.id);
    expect(own.stall).toEqual({ ms: 1.5, samples: 3, of: 'instance' });
    expect(own.duration).toMatchObject({ samples: 3, of: 'instance' });
    expect((await client.snapshotEstimate(fresh.id)).stall).toEqual({ ms: 1.5, samples: 3, of: 'host' });
    await plane.host('compute-2', [lonely]);
    expect((await client.snapshotEstimate(lonely.id)).stall).toEqual({ ms: 1.5, samples: 3, of: 'all' });
    await plane.rows(
      `update restore_points set stall_ms = 9 where uid = (
      select uid from restore_points where instance_id = $1 order by created_at desc limit 1)`,
      [one.id],
    );
    expect((await client.snapshotEstimate(one.id)).stall).toEqual({ ms: 1.5, samples: 3, of: 'instance' });
  });

  it('counts what is in no restore point, a failed snapshot’s layer too', async () => {
    const [newest] = (await client.restorePointPage(one.id)).items;
    await chainIs(one.id, [
      { asOf: newest?.layerUid, bytes: 500 },
      { asOf: null, bytes: 70 },
    ]);
    expect((await client.snapshotEstimate(one.id)).changedBytesAtMost).toBe(70);
    await chainIs(one.id, [
      { asOf: newest?.layerUid, bytes: 500 },
      { asOf: crypto.randomUUID(), bytes: 30 },
      { asOf: null, bytes: 70 },
    ]);
    expect((await client.snapshotEstimate(one.id)).changedBytesAtMost).toBe(100);
    await chainIs(one.id, [
      { asOf: newest?.layerUid, bytes: 500 },
      { asOf: null, bytes: 70 },
    ]);
  });
});

describe('a refusal', () => {
  it('is told before as it is given', async () => {
    const [point] = (await client.restorePointPage(one.id)).items;
    const target = { snapshotUid: point?.uid as never };
    const both = async (id: typeof one.id): Promise<unknown[]> => {
      const told = (await client.snapshotEstimate(id)).refusal?.code ?? null;
      const given = await refusal(client.createSnapshot(id));
      expect(told).toBe(given);
      if (id !== one.id) return [told];
      const planned = (await client.rollbackPlan(id, target)).refusal?.code ?? null;
      expect(planned).toBe(await refusal(client.createRollback(id, target)));
      return [told, planned];
    };
    expect(await both(raw.id)).toEqual(['disk_raw']);

    await plane.rows(
      `insert into compute_facts (instance_id, project_id, name, host, vm_state, observed_at)
      values ($1, 'red', 'one', 'compute-1', 'rescued', now())`,
      [one.id],
    );
    expect(await both(one.id)).toEqual(['instance_rescued', 'instance_rescued']);
    await plane.rows('delete from compute_facts');

    await plane.rows(`update hosts set seen_at = now() - interval '1 hour' where name = 'compute-1'`);
    expect(await both(one.id)).toEqual(['host_unavailable', 'host_unavailable']);
    await worker.heartbeat();
    await until('the host is up', async () => (await client.snapshotEstimate(one.id)).refusal === null);

    const asked = await client.createSnapshot(one.id);
    expect(await both(one.id)).toEqual(['operation_running', 'operation_running']);
    expect((await client.rollbackPlan(one.id, { snapshotUid: asked.uid })).refusal?.code).toBe('operation_running');
    const job = await until('the job arrives', () => worker.jobFor(asked.operationId));
    for (const event of worker.eventsOf(job, 'failed')) await worker.publish(event);
    await plane.operation('member-red', asked.operationId, 'failed');
    const failed = { snapshotUid: asked.uid };
    const told = (await client.rollbackPlan(one.id, failed)).refusal?.code;
    expect([told, await refusal(client.createRollback(one.id, failed))]).toEqual(['conflict', 'conflict']);
  });
});

describe('the plan of a rollback', () => {
  it('says what is fetched at most, what is lost, and what stays', async () => {
    const [newest, middle, oldest] = (await client.restorePointPage(one.id)).items;
    await chainIs(one.id, [
      { asOf: newest?.layerUid, bytes: 500 },
      { asOf: null, bytes: 70 },
    ]);
    const plan = (uid: unknown) => client.rollbackPlan(one.id, { snapshotUid: uid as never });
    expect(await plan(newest?.uid)).toMatchObject({
      target: { uid: newest?.uid, backingUid: middle?.layerUid },
      fetchBytesAtMost: 0,
      unsavedBytesAtMost: 70,
      newerRestorePoints: 0,
      endsUndoOf: null,
      downtime: null,
      refusal: null,
    });
    expect(await plan(oldest?.uid)).toMatchObject({ fetchBytesAtMost: 900, newerRestorePoints: 2 });
    expect(await plan(middle?.uid)).toMatchObject({ fetchBytesAtMost: 1800, newerRestorePoints: 1 });
    await chainIs(one.id, [
      { asOf: newest?.layerUid, isMixture: true, bytes: 500 },
      { asOf: null, bytes: 70 },
    ]);
    expect(await plan(newest?.uid)).toMatchObject({ fetchBytesAtMost: 2700 });
    await plane.rows(`update instances set chain = null where id = $1`, [one.id]);
    expect(await plan(newest?.uid)).toMatchObject({ fetchBytesAtMost: 2700, unsavedBytesAtMost: null });

    const at = new Date(Date.parse(middle?.sealedAt ?? '') + 1).toISOString();
    expect((await client.rollbackPlan(one.id, { at })).target.uid).toBe(middle?.uid);
  });

  it('says whose undo it ends, and how long the last ones took', async () => {
    const [newest] = (await client.restorePointPage(one.id)).items;
    const rollback = await client.createRollback(one.id, { snapshotUid: newest?.uid as never });
    await plane.perform(worker, rollback.id);
    await plane.operation('member-red', rollback.id, 'succeeded');
    expect(await client.rollbackPlan(one.id, { snapshotUid: newest?.uid as never })).toMatchObject({
      endsUndoOf: rollback.id,
      downtime: { ms: 30, samples: 1, of: 'instance' },
    });
  });

  it('is of a restore point of that instance alone', async () => {
    const path = `/v1/instances/${fresh.id}/rollback-plan`;
    const [point] = (await client.restorePointPage(one.id)).items;
    for (const query of [
      `snapshotUid=${point?.uid}`,
      `snapshotUid=${crypto.randomUUID()}`,
      'at=2020-01-01T00:00:00Z',
    ]) {
      expect(await plane.call('member-red', 'GET', `${path}?${query}`)).toMatchObject({ status: 404 });
    }
    for (const query of ['', 'at=yesterday', `at=2020-01-01T00:00:00Z&snapshotUid=${point?.uid}`]) {
      expect(await plane.call('member-red', 'GET', `${path}?${query}`)).toMatchObject({ status: 400 });
    }
    expect(await plane.call('member-blue', 'GET', `${path}?snapshotUid=${point?.uid}`)).toMatchObject({ status: 404 });
  });
});
