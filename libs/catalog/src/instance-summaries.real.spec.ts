import { migrations } from '@varve/migrations';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase } from '../../../testbed/services/shared.ts';
import { dataSourceOptions } from './data-source-options.js';

let source: DataSource;
let moment = Date.parse('2026-01-01T00:00:00Z');
const instances = [crypto.randomUUID(), crypto.randomUUID()];

beforeAll(async () => {
  const url = await freshDatabase();
  source = await new DataSource(
    dataSourceOptions({ url, applicationName: 'spec', poolSize: 20 }, migrations),
  ).initialize();
  await source.runMigrations({ transaction: 'each' });
  await source.query(`insert into hosts (name, version, versions, free_bytes, open_journals, started_at, reported_at, seen_at)
    values ('h', '1', '{}', 1, 0, now(), now(), now())`);
  for (const id of instances) {
    await source.query(
      `insert into instances (id, project_id, host, name, state, seen_at) values ($1, 'p', 'h', 'i', 'running', now())`,
      [id],
    );
  }
});
afterAll(() => source?.destroy());

const KEPT = `select instance_id, restore_points, last_point_at, newest_failed, stored_bytes, full_bytes
  from instance_summaries order by instance_id`;
/** The same, counted from the rows that it stands for. */
const COUNTED = `select i.id as instance_id,
    (select count(*)::integer from restore_points p where p.instance_id = i.id and status in ('available', 'restoring'))
      as restore_points,
    (select max(sealed_at) from restore_points p where p.instance_id = i.id and status in ('available', 'restoring'))
      as last_point_at,
    coalesce((select status = 'error' from restore_points p where p.instance_id = i.id and status <> 'creating'
      and not (status = 'error' and coalesce(problem ->> 'code', '') = 'cancelled')
      order by created_at desc, uid desc limit 1), false) as newest_failed,
    (select coalesce(sum(object_bytes), 0)::bigint from layers l where l.instance_id = i.id) as stored_bytes,
    (select coalesce(sum(l.virtual_size_bytes), 0)::bigint from restore_points p join layers l on l.uid = p.layer_uid
      where p.instance_id = i.id and status in ('available', 'restoring')) as full_bytes
  from instances i order by i.id`;
const rows = (sql: string): Promise<unknown[]> => source.query(sql);

async function promise(instance: string): Promise<string> {
  const [operation, uid] = [crypto.randomUUID(), crypto.randomUUID()];
  const at = new Date((moment += 1000));
  await source.query(
    `insert into operations (id, instance_id, project_id, host, kind, state, phase, epoch, snapshot_uid, user_id,
       settled_by, created_at, finished_at)
     values ($1, $2, 'p', 'h', 'snapshot', 'succeeded', 'finishing', 1, $3, 'u', 'event', $4, $4)`,
    [operation, instance, uid, at],
  );
  await source.query(
    `insert into restore_points (uid, instance_id, project_id, status, operation_id, epoch, created_at)
     values ($1, $2, 'p', 'creating', $3, 1, $4)`,
    [uid, instance, operation, at],
  );
  return uid;
}

async function keep(instance: string, uid: string): Promise<void> {
  const layer = crypto.randomUUID();
  const bytes = Math.floor(Math.random() * 1e9);
  await source.query(
    `insert into layers (uid, instance_id, project_id, object_key, manifest_key, manifest_sha256, sha256, object_bytes,
       file_bytes, changed_bytes, virtual_size_bytes, created_at)
     values ($1, $2, 'p', $1::uuid::text, 'm', 's', 's', $3::bigint, 1, 1, $3::bigint * 2, now())`,
    [layer, instance, bytes],
  );
  await source.query(
    `update restore_points set status = 'available', layer_uid = $2, sealed_at = $3, available_at = now() where uid = $1`,
    [uid, layer, new Date(moment + Math.floor(Math.random() * 5000))],
  );
}

async function forget(uid: string): Promise<void> {
  const [[row]]: [{ layer_uid: string | null }[]] = await source.query(
    `delete from restore_points where uid = $1 returning layer_uid`,
    [uid],
  );
  if (row?.layer_uid != null && Math.random() < 0.7)
    await source.query(`delete from layers where uid = $1`, [row.layer_uid]);
}

const setStatus = (uid: string, status: string, problem: object | null = null): Promise<unknown> =>
  source.query(
    `update restore_points set status = $2, problem = $3
     where uid = $1 and ($2 in ('creating', 'error') or layer_uid is not null)`,
    [uid, status, problem],
  );

/** One of whatever can happen to a restore point. */
async function something(known: { instance: string; uid: string }[]): Promise<void> {
  const dice = Math.random();
  const index = Math.floor(Math.random() * known.length);
  const one = known[index];
  if (dice < 0.35 || !one) {
    const instance = instances[Math.floor(Math.random() * 2)] ?? '';
    const uid = await promise(instance);
    known.push({ instance, uid });
    if (dice < 0.2) await keep(instance, uid);
    return;
  }
  if (dice < 0.5) await setStatus(one.uid, 'restoring');
  else if (dice < 0.6) await setStatus(one.uid, 'available');
  else if (dice < 0.65) await setStatus(one.uid, 'deleting');
  else if (dice < 0.75) await setStatus(one.uid, 'error', { code: 'store_unavailable' });
  else if (dice < 0.8) await setStatus(one.uid, 'error', { code: 'cancelled' });
  else {
    known.splice(index, 1);
    await forget(one.uid);
  }
}

describe('what is known of an instance at a glance', () => {
  it('is what its rows add up to, whatever happens to them', async () => {
    const known: { instance: string; uid: string }[] = [];
    for (let n = 0; n < 300; n++) {
      await something(known);
      if (n % 10 === 0) expect(await rows(KEPT)).toEqual(await rows(COUNTED));
    }
    expect(await rows(KEPT)).toEqual(await rows(COUNTED));
  });

  it('stays so when much happens at once', async () => {
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        const known: { instance: string; uid: string }[] = [];
        for (let n = 0; n < 25; n++) await something(known);
      }),
    );
    expect(await rows(KEPT)).toEqual(await rows(COUNTED));
  });

  it('is counted for what was there before', async () => {
    const before = await rows(KEPT);
    const isThere = async (): Promise<boolean> =>
      (await rows(`select from pg_class where relname = 'instance_summaries'`)).length > 0;
    while (await isThere()) await source.undoLastMigration({ transaction: 'each' });
    await source.runMigrations({ transaction: 'each' });
    expect(await rows(KEPT)).toEqual(before);
  });
});
