import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What a host says of itself beside what it does: the chains of its instances, the steps of its operations, its settings.
 * And the operation that gives up what a rollback replaced.
 */
export class HostFacts1796000000000 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`alter table instances add column chain jsonb, add column chain_at timestamptz(3)`);
    await db.query(`alter table hosts add column settings jsonb not null default '{}'`);
    await db.query(`
      alter table operations
        add column steps jsonb,
        add column layer_uid uuid,
        add column keeps uuid constraint operations_keeps_fk references operations (id) on delete restrict,
        drop constraint operations_kind_known,
        drop constraint operations_subject,
        add constraint operations_kind_known
          check (kind in ('snapshot', 'rollback', 'undo', 'keep', 'delete', 'settle', 'export', 'repair')),
        add constraint operations_subject check ((kind = 'undo') = (undoes is not null)
          and (kind = 'keep') = (keeps is not null)
          and (kind in ('undo', 'keep', 'settle', 'repair') or snapshot_uid is not null))`);
    await db.query(`create index operations_layer on operations (layer_uid) where layer_uid is not null`);
    await db.query(`create index operations_keeps on operations (keeps) where keeps is not null`);

    // Whoever looks at an instance hears of what changes; that its host goes on saying the same is no change.
    await db.query(`
      create function notify_instance() returns trigger language plpgsql as $$
      begin
        perform pg_notify('varve_instance', new.id::text);
        return null;
      end $$`);
    await db.query(`
      create trigger instances_notify_new after insert on instances
        for each row execute function notify_instance()`);
    await db.query(`
      create trigger instances_notify after update on instances
        for each row when (
          (old.host, old.name, old.state, old.chain_length, old.virtual_size_bytes, old.unsupported, old.head_layer_uid,
            old.chain) is distinct from
          (new.host, new.name, new.state, new.chain_length, new.virtual_size_bytes, new.unsupported, new.head_layer_uid,
            new.chain))
        execute function notify_instance()`);
    await db.query(`
      create function notify_instance_of_point() returns trigger language plpgsql as $$
      begin
        perform pg_notify('varve_instance', coalesce(new.instance_id, old.instance_id)::text);
        return null;
      end $$`);
    await db.query(`
      create trigger restore_points_notify after insert or update or delete on restore_points
        for each row execute function notify_instance_of_point()`);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`drop trigger restore_points_notify on restore_points`);
    await db.query(`drop trigger instances_notify on instances`);
    await db.query(`drop trigger instances_notify_new on instances`);
    await db.query(`drop function notify_instance(), notify_instance_of_point()`);
    await db.query(`delete from operations where kind = 'keep'`);
    await db.query(`
      alter table operations
        drop constraint operations_kind_known,
        drop constraint operations_subject,
        add constraint operations_kind_known
          check (kind in ('snapshot', 'rollback', 'undo', 'delete', 'settle', 'export', 'repair')),
        add constraint operations_subject check ((kind = 'undo') = (undoes is not null)
          and (kind in ('undo', 'settle', 'repair') or snapshot_uid is not null)),
        drop column steps,
        drop column layer_uid,
        drop column keeps`);
    await db.query(`alter table hosts drop column settings`);
    await db.query(`alter table instances drop column chain, drop column chain_at`);
  }
}
