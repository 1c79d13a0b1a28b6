import { VarveClient } from '@varve/api-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, freshVhost } from '../../../testbed/services/shared.ts';
import { ControlPlane } from '../../conductor/test/kit/control-plane.js';
import { newInstance } from '../../conductor/test/kit/fake-worker.js';
import type { FakeWorker } from '../../conductor/test/kit/fake-worker.js';
import { until } from '../../conductor/test/kit/until.js';

const GIB = 2 ** 30; // virtual size that the played worker says of every layer
let plane: ControlPlane;
let worker: FakeWorker;
const [one, two, bare] = [newInstance('red', { name: 'one' }), newInstance('red', { name: 'two' }), newInstance('red')];
const theirs = newInstance('blue');
const as = (token: string): VarveClient => new VarveClient({ url: plane.apis[0]?.url ?? '', token });

/** So many points, each so many hours ago. */
async function points(instance: { id: string; projectId: string }, hoursAgo: readonly number[]): Promise<void> {
  for (const hours of hoursAgo) {
    const { uid } = await plane.snapshot(`member-${instance.projectId}`, worker, instance.id);
    await plane.rows(
      `update restore_points set sealed_at = now() - make_interval(hours => $2),
         available_at = now() - make_interval(hours => $2) where uid = $1`,
      [uid, hours],
    );
    await plane.rows(
      `update layers set created_at = now() - make_interval(hours => $2)
       where uid = (select layer_uid from restore_points where uid = $1)`,
      [uid, hours],
    );
  }
}

beforeAll(async () => {
  plane = await ControlPlane.start({ databaseUrl: await freshDatabase(), amqpUrl: await freshVhost() });
  worker = await plane.host('compute-1', [one, two, bare, theirs]);
  await plane.host('compute-2', []);
  await plane.rows(`update hosts set seen_at = now() - interval '1 hour' where name = 'compute-2'`);
  await points(one, [200, 100, 30]);
  await points(two, [500, 2]);
  await points(theirs, [0]);
});
afterAll(() => plane?.stop());

describe('the overview', () => {
  it('adds up what is the project’s, and nothing else', async () => {
    const asked = await as('member-red').createSnapshot(bare.id);
    const red = await as('reader-red').overview();
    expect(red).toMatchObject({
      instances: { total: 3, protected: 2, failing: 0, unprotected: 1, unsupported: 0 },
      lastPointAges: { hour: 0, day: 1, week: 1, older: 0 },
      restorePoints: 5,
      operations: { queued: 1, running: 0, failedLastDay: 0 },
      storedBytes: 5 * 900,
      fullCopiesBytes: 5 * GIB,
      stalest: { instanceId: one.id, name: 'one' },
      hosts: null,
    });
    expect(red.newestRestorePointAt).toBe((await as('reader-red').instance(two.id)).lastRestorePointAt);
    expect(red.stalest?.at).toBe((await as('reader-red').instance(one.id)).lastRestorePointAt);
    const job = await until('the job arrives', () => worker.jobFor(asked.operationId));
    for (const event of worker.eventsOf(job, 'failed')) await worker.publish(event);
    await plane.operation('member-red', asked.operationId, 'failed');
    const after = await as('reader-red').overview();
    expect(after.instances).toMatchObject({ failing: 1, unprotected: 0 });
    expect(after.operations).toEqual({ queued: 0, running: 0, failedLastDay: 1 });
  });

  it('is of all projects for administrators, with the hosts', async () => {
    const all = await as('admin-ops').overview();
    expect(all.instances.total).toBe(4);
    expect(all.lastPointAges.hour).toBe(1);
    expect(all.restorePoints).toBe(6);
    expect(all.hosts).toEqual({ up: 1, down: 1 });
  });

  it('of somebody who has nothing is empty', async () => {
    expect(await as('reader-green').overview()).toMatchObject({
      instances: { total: 0 },
      restorePoints: 0,
      newestRestorePointAt: null,
      stalest: null,
      storedBytes: 0,
    });
    expect(await as('reader-green').storageHistory()).toEqual({ items: [] });
  });

  it('does not call what is gone the stalest', async () => {
    await plane.rows(
      `insert into compute_facts (instance_id, project_id, name, vm_state, observed_at, deleted_at)
       values ($1, 'red', 'one', 'deleted', now(), now())`,
      [one.id],
    );
    expect((await as('reader-red').overview()).stalest).toMatchObject({ name: 'two' });
    await plane.rows(`delete from compute_facts`);
  });
});

describe('what is stored, over time', () => {
  it('grows with each layer of what is there still', async () => {
    const { items } = await as('reader-red').storageHistory({ points: 6 });
    expect(items).toHaveLength(6);
    // 500 h ago until now, every 100 h; at 500, 200, 100, 30 and 2 h ago there was one more.
    expect(items.map(({ restorePoints }) => restorePoints)).toEqual([1, 1, 1, 2, 3, 5]);
    for (const { restorePoints, storedBytes, fullCopiesBytes } of items) {
      expect([storedBytes, fullCopiesBytes]).toEqual([restorePoints * 900, restorePoints * GIB]);
    }
    const times = items.map(({ at }) => Date.parse(at));
    for (const [index, at] of times.entries()) {
      if (index > 0) expect(Math.abs(at - (times[index - 1] ?? 0) - 100 * 3_600_000)).toBeLessThan(120_000);
    }
    const { storedBytes, fullCopiesBytes, restorePoints } = await as('reader-red').overview();
    expect(items.at(-1)).toMatchObject({ storedBytes, fullCopiesBytes, restorePoints });
  });

  it('begins where it is asked to, with what there was by then', async () => {
    const hour = (hoursAgo: number): string => new Date(Date.now() - hoursAgo * 3_600_000).toISOString();
    const { items } = await as('reader-red').storageHistory({ from: hour(160), to: hour(60), points: 3 });
    expect(items.map(({ restorePoints }) => restorePoints)).toEqual([2, 2, 3]);
    const wrong = await plane.call('reader-red', 'GET', `/v1/overview/storage?from=${hour(1)}&to=${hour(2)}`);
    expect([wrong.status, wrong.body['code']]).toEqual([400, 'invalid_request']);
    expect(await as('reader-red').storageHistory({ to: hour(1_000) })).toEqual({ items: [] });
  });
});
