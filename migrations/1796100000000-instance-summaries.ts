import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What lists and overviews say of an instance's restore points and layers, kept with every change of those instead of
 * being counted anew each time somebody looks. The row is locked before anything is read for it: two changes at once
 * then see each other.
 *
 * And the epoch of the operation that made a restore point: it tells on which side of a rollback the point lies, whatever
 * any clock says.
 */
export class InstanceSummaries1796100000000 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`alter table restore_points add column epoch bigint`);
    await db.query(`update restore_points p set epoch = o.epoch from operations o where o.id = p.operation_id`);
    await db.query(`alter table restore_points alter column epoch set not null`);
    await db.query(`
      create index restore_points_in_time on restore_points (instance_id, coalesce(sealed_at, created_at), uid)`);
    await db.query(`create index operations_of_host on operations (host, kind, created_at)`);

    await db.query(`
      create table instance_summaries (
        instance_id uuid constraint instance_summaries_pk primary key
          constraint instance_summaries_instance_fk references instances (id) on delete cascade,
        restore_points integer not null default 0,
        last_point_at timestamptz(3),
        newest_failed boolean not null default false,
        stored_bytes bigint not null default 0,
        full_bytes bigint not null default 0
      )`);
    await db.query(`
      create function summarize_new_instance() returns trigger language plpgsql as $$
      begin
        insert into instance_summaries (instance_id) values (new.id);
        return null;
      end $$`);
    await db.query(`
      create trigger instances_summarize after insert on instances
        for each row execute function summarize_new_instance()`);

    await db.query(`
      create function summarize_layer() returns trigger language plpgsql as $$
      begin
        update instance_summaries
          set stored_bytes = stored_bytes + coalesce(new.object_bytes, 0) - coalesce(old.object_bytes, 0)
          where instance_id = coalesce(new.instance_id, old.instance_id);
        return null;
      end $$`);
    await db.query(`
      create trigger layers_summarize after insert or update or delete on layers
        for each row execute function summarize_layer()`);

    await db.query(`
      create function summarize_point() returns trigger language plpgsql as $$
      declare
        of_instance uuid := coalesce(new.instance_id, old.instance_id);
        was boolean := coalesce(old.status in ('available', 'restoring'), false);
        is_now boolean := coalesce(new.status in ('available', 'restoring'), false);
        points integer := is_now::integer - was::integer;
        bytes bigint := coalesce((select sum(case when uid = new.layer_uid and is_now then virtual_size_bytes else 0 end
            - case when uid = old.layer_uid and was then virtual_size_bytes else 0 end)
          from layers where uid in (new.layer_uid, old.layer_uid)), 0);
      begin
        perform from instance_summaries where instance_id = of_instance for update;
        update instance_summaries set
          restore_points = restore_points + points,
          full_bytes = full_bytes + bytes,
          last_point_at = (select max(sealed_at) from restore_points p
            where p.instance_id = of_instance and p.status in ('available', 'restoring')),
          newest_failed = coalesce((select p.status = 'error' from restore_points p
            where p.instance_id = of_instance and p.status <> 'creating'
              and (p.status <> 'error' or p.problem ->> 'code' is distinct from 'cancelled')
            order by p.created_at desc, p.uid desc limit 1), false)
        where instance_id = of_instance;
        return null;
      end $$`);
    await db.query(`
      create trigger restore_points_summarize after insert or delete
          or update of status, layer_uid, sealed_at, problem on restore_points
        for each row execute function summarize_point()`);

    await db.query(
      summaries(`insert into instance_summaries
      (instance_id, restore_points, last_point_at, newest_failed, stored_bytes, full_bytes)`),
    );
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`drop trigger restore_points_summarize on restore_points`);
    await db.query(`drop trigger layers_summarize on layers`);
    await db.query(`drop trigger instances_summarize on instances`);
    await db.query(`drop function summarize_point(), summarize_layer(), summarize_new_instance()`);
    await db.query(`drop table instance_summaries`);
    await db.query(`drop index operations_of_host`);
    await db.query(`drop index restore_points_in_time`);
    await db.query(`alter table restore_points drop column epoch`);
  }
}

/** All of them, counted. */
const summaries = (into: string): string => `
  ${into}
  select i.id, coalesce(p.points, 0), p.last, coalesce(p.failed, false), coalesce(l.bytes, 0), coalesce(p.full_bytes, 0)
  from instances i
    left join (select instance_id, sum(object_bytes) as bytes from layers group by instance_id) l
      on l.instance_id = i.id
    left join (
      select p.instance_id,
        count(*) filter (where p.status in ('available', 'restoring')) as points,
        max(p.sealed_at) filter (where p.status in ('available', 'restoring')) as last,
        sum(l.virtual_size_bytes) filter (where p.status in ('available', 'restoring')) as full_bytes,
        (array_agg(p.status = 'error' order by p.created_at desc, p.uid desc) filter (where p.status <> 'creating'
          and (p.status <> 'error' or p.problem ->> 'code' is distinct from 'cancelled')))[1] as failed
      from restore_points p left join layers l on l.uid = p.layer_uid group by p.instance_id) p
      on p.instance_id = i.id`;
