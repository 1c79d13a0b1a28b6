// `node testbed/bench/seed-catalog.ts postgres://…`: fills a migrated, empty catalog as years of use would have, so that
// what reads it can be measured: 5,000 instances of 40 projects on 50 hosts, 200,000 restore points in lineages with
// failures, rollbacks and undos, one instance with 20,000 of them. No object of it is in any store.
import { Client } from 'pg';

export interface SeedOptions {
  readonly instances?: number;
  /** Of all instances together. */
  readonly points?: number;
  /** Of these, how many the first instance has. */
  readonly pointsOfFirst?: number;
  readonly hosts?: number;
  readonly projects?: number;
}

export interface Seeded {
  /** The instance with the most restore points. */
  readonly firstInstanceId: string;
  /** Its project. */
  readonly projectId: string;
  readonly instances: number;
  readonly points: number;
}

/**
 * Now and then there is a turn: a rollback five points back, or that and its undo right after. Every 37th point
 * failed. Every 29th instance's newest one did, and every 50th instance can't be snapshotted.
 */
const STATEMENTS = [
  // Of the form of version 4, so that whoever checks that finds nothing.
  `create function pg_temp.id(text) returns uuid immutable language sql as $$
     select overlay(overlay(md5($1) placing '4' from 13) placing '8' from 17)::uuid $$`,

  `insert into hosts (name, version, versions, free_bytes, open_journals, started_at, reported_at, seen_at)
   select 'compute-' || lpad(n::text, 3, '0'), '0.1.0', '{"qemu": "7.2.19"}', (n * 7 % 90 + 10) * 1e10, 0,
     now() - interval '9 days', now(), case when n % 25 = 0 then now() - interval '2 hours' else now() + interval '1 day' end
   from generate_series(1, $1::integer) as n`,

  `create temp table seed as
   select k, pg_temp.id('instance ' || k) as id, 'project-' || lpad((k % $2::integer)::text, 3, '0') as project,
     'compute-' || lpad((k * 13 % $3::integer + 1)::text, 3, '0') as host,
     (array['web', 'db', 'build', 'mail', 'Cache', 'api', 'worker'])[k % 7 + 1] || '-' || lpad(k::text, 4, '0') as name,
     (array[10, 20, 40, 80])[k % 4 + 1] * (2 ^ 30)::bigint as size,
     case when k = 0 then $5::integer
       -- Few or many; together as many as were asked for, or nearly.
       else (($4::integer - $5::integer) * (k % 9) / 4.0 / $1::integer)::integer end as points,
     -- From one point to the next; they reach back from a day to two years.
     case when k = 0 then interval '50 minutes' else make_interval(mins => 10 + k * 31 % 20000) end as step
   from generate_series(0, $1::integer - 1) as k`,

  `insert into instances (id, project_id, host, name, state, virtual_size_bytes, chain_length, unsupported, epoch,
     head_layer_uid, top_layer_uid, head_epoch, chain, chain_at, seen_at)
   select id, project, host, name, (array['running', 'running', 'running', 'stopped'])[k % 4 + 1], size, 2,
     case when k % 50 = 7 then '{"code": "disk_raw", "remedy": "fix-request", "message": "The disk is raw", "facts": {}}'::jsonb end,
     points * 4 + 4, null, null, 0,
     jsonb_build_object('base', jsonb_build_object('name', md5('base'), 'sizeBytes', 2 ^ 30, 'sha256', null),
       'layers', jsonb_build_array(
         jsonb_build_object('fileId', null, 'asOf', null, 'merged', 3, 'isMixture', false, 'fileBytes', 2 ^ 31,
           'allocatedBytes', 2 ^ 30),
         jsonb_build_object('fileId', null, 'asOf', null, 'merged', 0, 'isMixture', false, 'fileBytes', 2 ^ 26,
           'allocatedBytes', 2 ^ 24)),
       'kept', null), now(), now()
   from seed`,

  `create temp table point as
   select s.k, s.id as instance, s.project, s.host, s.size, n, s.points = n as is_newest,
     pg_temp.id('point ' || k || ' ' || n) as uid, pg_temp.id('operation ' || k || ' ' || n) as operation,
     pg_temp.id('layer ' || k || ' ' || n) as layer,
     date_trunc('milliseconds', now() - (s.points - n) * s.step - interval '3 minutes') as at,
     n % 37 = 0 or s.points = n and k % 29 = 1 as failed,
     (2 ^ (20 + (n * 7 + k) % 9))::bigint as bytes
   from seed s cross join lateral generate_series(1, s.points) as n`,

  `create index on point (k, n) where not failed`,
  `analyze point`,

  // A rollback before such a point; about every third is undone. Epochs: 4n snapshot, 4n-2, 4n-1 turns.
  `create temp table turn as
   select *, pg_temp.id('rollback ' || k || ' ' || n) as rollback, n / 10 % 3 = 1 as undone
   from point where n % (case when k = 0 then 1000 else 20 end) = 1 and n > 10 and k % 5 = 0`,

  `analyze turn`,

  `insert into layers (uid, instance_id, project_id, backing_uid, base_sha256, object_key, manifest_key, manifest_sha256,
     sha256, object_bytes, file_bytes, changed_bytes, virtual_size_bytes, created_at)
   select layer, instance, project, backing, case when backing is null then md5('base') || md5('base') end,
     project || '/' || layer || '.qcow2.zst', project || '/' || layer || '.json', md5('m') || md5('m'), md5('l') || md5('l'),
     bytes * 6 / 10, bytes * 11 / 10, bytes, size, at + interval '40 seconds'
   from (
     select p.*, case
         when t.n is not null and not t.undone then
           (select q.layer from point q where q.k = p.k and q.n <= p.n - 5 and not q.failed order by q.n desc limit 1)
         else lag(p.layer) over (partition by p.k order by p.n) end as backing
     from point p left join turn t on t.k = p.k and t.n = p.n where not p.failed) as known`,

  `insert into operations (id, instance_id, project_id, host, kind, state, phase, done_bytes, total_bytes, settled_by, epoch,
     snapshot_uid, request_id, user_id, problem, layer_uid, chain_length, created_at, started_at, finished_at)
   select operation, instance, project, host, 'snapshot', case when failed then 'failed' else 'succeeded' end, 'finishing',
     bytes, bytes, 'event', n * 4, uid, 'req-' || pg_temp.id('request ' || uid), 'user-' || k % 17,
     case when failed then '{"code": "store_unavailable", "remedy": "retry", "message": "The store is away", "facts": {}}'::jsonb end,
     layer, 2, at - interval '1 second', at - interval '1 second', at + interval '45 seconds'
   from point`,

  `insert into operations (id, instance_id, project_id, host, kind, state, phase, settled_by, epoch, snapshot_uid, undoes,
     user_id, fetched_bytes, local_bytes, downtime_ms, chain_length, created_at, started_at, finished_at)
   select rollback, instance, project, host, 'rollback', 'succeeded', 'finishing', 'event', n * 4 - 2,
     pg_temp.id('point ' || k || ' ' || n - 5), null, 'user-1', bytes, bytes, 200 + n % 90, 2,
     at - interval '90 seconds', at - interval '90 seconds', at - interval '60 seconds' from turn
   union all
   select pg_temp.id('undo ' || k || ' ' || n), instance, project, host, 'undo', 'succeeded', 'finishing', 'event', n * 4 - 1,
     null, rollback, 'user-1', 0, 0, 150 + n % 90, 2,
     at - interval '50 seconds', at - interval '50 seconds', at - interval '30 seconds' from turn where undone`,

  `insert into restore_points (uid, instance_id, project_id, name, status, layer_uid, operation_id, epoch, consistency,
     stall_ms, healed, problem, created_at, sealed_at, available_at)
   select uid, instance, project, case when n % 8 = 0 then 'before change ' || n end,
     case when failed then 'error' else 'available' end, case when not failed then layer end, operation, n * 4,
     case when n % 3 = 0 then 'crash' else 'filesystem' end, 0.5 + (n * 13 % 70) / 10.0, n > 1 and (n - 1) % 37 = 0,
     case when failed then '{"code": "store_unavailable", "remedy": "retry", "message": "The store is away", "facts": {}}'::jsonb end,
     at - interval '1 second', at, case when not failed then at + interval '40 seconds' end
   from point`,

  // What goes on right now.
  `insert into operations (id, instance_id, project_id, host, kind, state, phase, done_bytes, total_bytes, epoch,
     snapshot_uid, user_id, created_at, started_at)
   select pg_temp.id('running ' || k), id, project, host, 'snapshot', 'running', 'uploading', 2 ^ 20 * (k % 90), 2 ^ 27,
     points * 4 + 4, pg_temp.id('promise ' || k), 'user-2', now() - interval '20 seconds', now() - interval '19 seconds'
   from seed where k % 200 = 3`,
  `insert into restore_points (uid, instance_id, project_id, status, operation_id, epoch, created_at)
   select pg_temp.id('promise ' || k), id, project, 'creating', pg_temp.id('running ' || k), points * 4 + 4,
     now() - interval '20 seconds' from seed where k % 200 = 3`,

  `update instances i set head_layer_uid = newest.layer, top_layer_uid = newest.layer, head_epoch = newest.n * 4,
     chain = jsonb_set(i.chain, '{layers,0,asOf}', to_jsonb(newest.layer))
   from (select distinct on (k) instance, layer, n from point where not failed order by k, n desc) as newest
   where i.id = newest.instance`,

  `insert into instance_summaries (instance_id, restore_points, last_point_at, newest_failed, stored_bytes, full_bytes)
   select s.id, count(p.uid) filter (where not failed), max(p.at) filter (where not failed),
     coalesce(bool_or(failed and is_newest), false), coalesce(sum(bytes * 6 / 10) filter (where not failed), 0),
     coalesce(sum(p.size) filter (where not failed), 0)
   from seed s left join point p on p.k = s.k group by s.id`,

  `insert into audit_log (at, user_id, project_id, action, target, request_id, outcome, code)
   select now() - n * interval '11 minutes', 'user-' || n % 17, 'project-' || lpad((n % 40)::text, 3, '0'),
     (array['snapshots:create', 'rollbacks:create', 'session:create'])[n % 3 + 1], pg_temp.id('instance ' || n),
     'req-' || pg_temp.id('audit ' || n), case when n % 23 = 0 then 'denied' else 'accepted' end,
     case when n % 23 = 0 then 'forbidden' end
   from generate_series(1, 20000) as n order by n desc`,
];

/** What each statement needs of these: instances, projects, hosts, points, points of the first. */
function parametersOf(statement: string, values: readonly number[]): number[] {
  if (statement.startsWith('insert into hosts')) return values.slice(2, 3);
  return statement.startsWith('create temp table seed') ? [...values] : [];
}

/** Triggers would do for each row what is done for all at once here. They are off for this transaction alone. */
const TABLES = ['instances', 'layers', 'operations', 'restore_points'];

/** All or nothing; half a minute on a quiet machine. */
export async function seedCatalog(
  databaseUrl: string,
  { instances = 5_000, points = 200_000, pointsOfFirst = 20_000, hosts = 50, projects = 40 }: SeedOptions = {},
): Promise<Seeded> {
  const db = new Client({ connectionString: databaseUrl });
  await db.connect();
  try {
    await db.query('begin');
    for (const table of TABLES) await db.query(`alter table ${table} disable trigger user`);
    for (const statement of STATEMENTS) {
      await db.query(statement, parametersOf(statement, [instances, projects, hosts, points, pointsOfFirst]));
    }
    for (const table of TABLES) await db.query(`alter table ${table} enable trigger user`);
    await db.query('commit');
    await db.query('vacuum analyze');
    const { rows } = await db.query<{ id: string; project: string; points: string }>(
      `select id, project, (select count(*) from restore_points) as points from seed where k = 0`,
    );
    const [first] = rows;
    if (!first) throw new Error('nothing was seeded');
    return { firstInstanceId: first.id, projectId: first.project, instances, points: Number(first.points) };
  } finally {
    await db.end();
  }
}

if (import.meta.main) {
  const [url] = process.argv.slice(2);
  if (url === undefined) throw new Error('which database? postgres://user:password@host:port/database');
  console.log(JSON.stringify(await seedCatalog(url)));
}
