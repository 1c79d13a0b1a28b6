import { VarveClient } from '@varve/api-client';
import type { RollbackView, TimelineView } from '@varve/contracts';
import type { InstanceId } from '@varve/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, freshVhost } from '../../../testbed/services/shared.ts';
import { ControlPlane } from '../../conductor/test/kit/control-plane.js';
import { newInstance } from '../../conductor/test/kit/fake-worker.js';
import type { FakeWorker } from '../../conductor/test/kit/fake-worker.js';
import { until } from '../../conductor/test/kit/until.js';

let plane: ControlPlane;
let worker: FakeWorker;
let client: VarveClient;
const one = newInstance('red');
const fresh = newInstance('red');
const many = newInstance('red');

beforeAll(async () => {
  plane = await ControlPlane.start({ databaseUrl: await freshDatabase(), amqpUrl: await freshVhost() });
  worker = await plane.host('compute-1', [one, fresh, many]);
  client = new VarveClient({ url: plane.apis[0]?.url ?? '', token: 'member-red' });
});
afterAll(() => plane?.stop());

async function point(instanceId: InstanceId = one.id): Promise<string> {
  return String((await plane.snapshot('member-red', worker, instanceId))['uid']);
}
async function done(rollback: RollbackView): Promise<RollbackView> {
  await plane.perform(worker, rollback.id);
  await plane.operation('member-red', rollback.id, 'succeeded');
  return rollback;
}
const branchOf = (view: TimelineView): Record<string, number> =>
  Object.fromEntries(view.points.map(({ uid, branch }) => [uid, branch]));

describe('the time line', () => {
  it('of an instance without a point has one branch, where it is', async () => {
    expect(await client.timeline(fresh.id)).toMatchObject({
      firstAt: null,
      lastAt: null,
      total: 0,
      points: [],
      buckets: [],
      branches: [{ branch: 0, parentUid: null, spans: [{ to: null, rollbackId: null }] }],
      here: { branch: 0, snapshotUid: null },
    });
  });

  it('branches with each rollback, comes back with each undo, and says where one is', async () => {
    const [a, b] = [await point(), await point()];
    expect((await client.timeline(one.id)).here).toEqual({ branch: 0, snapshotUid: b });
    const first = await done(await client.createRollback(one.id, { snapshotUid: a as never }));
    const c = await point();
    const second = await done(await client.createRollback(one.id, { snapshotUid: b as never }));
    const d = await point();
    const undo = await done(await client.undoRollback(second.id));
    const e = await point();
    const view = await client.timeline(one.id);
    expect(branchOf(view)).toEqual({ [a]: 0, [b]: 0, [c]: 1, [d]: 2, [e]: 1 });
    expect(view.points.map(({ uid }) => uid)).toEqual([a, b, c, d, e]);
    expect(view.here.branch).toBe(1);
    expect(view.branches.map(({ parentUid }) => parentUid)).toEqual([null, a, b]);
    expect(view.branches[1]?.parentAt).toBe(view.points[0]?.sealedAt);
    expect(view.branches.map(({ spans }) => spans.map(({ rollbackId }) => rollbackId))).toEqual([
      [null],
      [first.id, undo.id],
      [second.id],
    ]);
    const spans = view.branches.flatMap(({ spans }) => spans).sort((x, y) => (x.from < y.from ? -1 : 1));
    expect(spans.map(({ to }) => to).slice(0, -1)).toEqual(spans.slice(1).map(({ from }) => from));
    expect(spans.at(-1)?.to).toBeNull();
    expect(spans[0]?.from).toBe(view.firstAt);
  });

  it('shows what failed where it was tried, and the part that is asked for', async () => {
    const asked = await client.createSnapshot(one.id);
    const job = await until('the job arrives', () => worker.jobFor(asked.operationId));
    for (const event of worker.eventsOf(job, 'failed')) await worker.publish(event);
    await plane.operation('member-red', asked.operationId, 'failed');
    const all = await client.timeline(one.id);
    expect(all.points.at(-1)).toMatchObject({ uid: asked.uid, status: 'error', branch: 1 });
    const [, second, third] = all.points;
    const part = await client.timeline(one.id, {
      from: second?.sealedAt ?? undefined,
      to: third?.sealedAt ?? undefined,
    });
    expect(part.points.map(({ uid }) => uid)).toEqual([second?.uid, third?.uid]);
    expect([part.total, part.firstAt, part.branches]).toEqual([2, all.firstAt, all.branches]);
    const wrong = await plane.call(
      'member-red',
      'GET',
      `/v1/instances/${one.id}/timeline?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z`,
    );
    expect([wrong.status, wrong.body['code']]).toEqual([400, 'invalid_request']);
    expect(await plane.call('member-blue', 'GET', `/v1/instances/${one.id}/timeline`)).toMatchObject({ status: 404 });
  });

  it('of many points is in groups, which add up to the points', async () => {
    const start = Date.parse('2026-01-01T00:00:00Z');
    // 100 points a minute apart; every tenth failed; a rollback at the sixtieth.
    await plane.rows(
      `with n as (select n, gen_random_uuid() as op, gen_random_uuid() as uid, gen_random_uuid() as layer
           from generate_series(1, 100) as n),
         ops as (insert into operations (id, instance_id, project_id, host, kind, state, phase, epoch, snapshot_uid,
             user_id, settled_by, created_at, finished_at)
           select op, $1, 'red', 'compute-1', 'snapshot', 'succeeded', 'finishing', n, uid, 'u', 'event',
             $2::timestamptz + n * interval '1 minute', $2::timestamptz + n * interval '1 minute' from n),
         ls as (insert into layers (uid, instance_id, project_id, object_key, manifest_key, manifest_sha256, sha256,
             object_bytes, file_bytes, changed_bytes, virtual_size_bytes, created_at)
           select layer, $1, 'red', layer, 'm', 's', 's', 10, 10, n, 100, $2 from n where n % 10 > 0)
       insert into restore_points (uid, instance_id, project_id, status, layer_uid, operation_id, epoch, created_at, sealed_at)
       select uid, $1, 'red', case when n % 10 = 0 then 'error' else 'available' end, case when n % 10 > 0 then layer end,
         op, n, $2::timestamptz + n * interval '1 minute',
         case when n % 10 > 0 then $2::timestamptz + n * interval '1 minute' end from n`,
      [many.id, new Date(start)],
    );
    await plane.rows(
      `insert into operations (id, instance_id, project_id, host, kind, state, phase, epoch, snapshot_uid, user_id,
         settled_by, created_at, finished_at)
       select gen_random_uuid(), $1, 'red', 'compute-1', 'rollback', 'succeeded', 'finishing', 60, uid, 'u', 'event',
         $2, $2 from restore_points where instance_id = $1 and epoch = 31`,
      [many.id, new Date(start + 60.5 * 60_000)],
    );
    const at = (minute: number): string => new Date(start + minute * 60_000).toISOString();
    const range = { from: at(1), to: at(100) };
    const each = await client.timeline(many.id, { ...range, points: 100 });
    expect([each.total, each.points.length, each.buckets]).toEqual([100, 100, []]);
    const view = await client.timeline(many.id, { ...range, points: 10 });
    expect([view.total, view.points]).toEqual([100, []]);
    for (const branch of [0, 1]) {
      const own = view.buckets.filter((bucket) => bucket.branch === branch);
      expect(own.length).toBeLessThanOrEqual(10);
      const points = each.points.filter((one) => one.branch === branch);
      const sum = (of: (bucket: (typeof own)[number]) => number): number => own.reduce((n, one) => n + of(one), 0);
      expect(sum(({ available }) => available)).toBe(points.filter(({ status }) => status === 'available').length);
      expect(sum(({ failed }) => failed)).toBe(points.filter(({ status }) => status === 'error').length);
      expect(sum(({ changedBytes }) => changedBytes)).toBe(points.reduce((n, one) => n + (one.changedBytes ?? 0), 0));
    }
    for (const { from, to, newest, branch } of view.buckets) {
      const [begin, end] = [Date.parse(from), Date.parse(to)];
      const inside = each.points.filter((one) => {
        const when = Date.parse(one.sealedAt ?? one.createdAt);
        return one.branch === branch && one.status === 'available' && when >= begin && (when < end || to === view.to);
      });
      const last = inside.at(-1);
      expect(newest).toEqual(last ? { uid: last.uid, sealedAt: last.sealedAt } : null);
    }
    expect(view.buckets.map(({ from }) => from)).toEqual(view.buckets.map(({ from }) => from).toSorted());
    // Closer up, each is seen again.
    const close = await client.timeline(many.id, { from: at(55), to: at(64), points: 10 });
    expect(close.points).toHaveLength(10);
    expect(new Set(close.points.map(({ branch }) => branch))).toEqual(new Set([0, 1]));
  });
});
