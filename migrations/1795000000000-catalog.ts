import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The whole catalog as of 0.1.
 *
 * Deleting is restricted everywhere: what something else stands on can't go first. Times have milliseconds, because
 * JavaScript's have no more and page markers are made of them.
 */
export class Catalog1795000000000 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      create table hosts (
        name text constraint hosts_pk primary key,
        version text not null,
        versions jsonb not null,
        free_bytes bigint not null,
        open_journals integer not null,
        started_at timestamptz(3) not null,
        reported_at timestamptz(3) not null,
        seen_at timestamptz(3) not null
      )`);
    await db.query(`
      create table instances (
        id uuid constraint instances_pk primary key,
        project_id text not null,
        host text not null constraint instances_host_fk references hosts (name) on delete restrict,
        name text not null,
        state text not null constraint instances_state_known
          check (state in ('running', 'paused', 'stopped', 'unknown')),
        virtual_size_bytes bigint,
        chain_length integer,
        unsupported jsonb,
        epoch bigint not null default 0,
        head_layer_uid uuid,
        head_epoch bigint not null default 0,
        seen_at timestamptz(3) not null
      )`);
    await db.query(`create index instances_project on instances (project_id, id)`);
    await db.query(`create index instances_host on instances (host)`);

    // The pairs with instance_id say that a lineage never crosses from one instance, and so one tenant, to another.
    await db.query(`
      create table layers (
        uid uuid constraint layers_pk primary key,
        instance_id uuid not null constraint layers_instance_fk references instances (id) on delete restrict,
        project_id text not null,
        backing_uid uuid,
        base_sha256 text,
        object_key text not null,
        manifest_key text not null,
        manifest_sha256 text not null,
        sha256 text not null,
        object_bytes bigint not null,
        file_bytes bigint not null,
        changed_bytes bigint not null,
        virtual_size_bytes bigint not null,
        created_at timestamptz(3) not null,
        constraint layers_of_instance unique (uid, instance_id),
        constraint layers_object_key unique (object_key),
        constraint layers_backing_fk foreign key (backing_uid, instance_id)
          references layers (uid, instance_id) on delete restrict,
        constraint layers_not_on_itself check (backing_uid <> uid)
      )`);
    await db.query(`create index layers_instance on layers (instance_id)`);
    await db.query(`create index layers_backing on layers (backing_uid)`);

    await db.query(`
      create table operations (
        id uuid constraint operations_pk primary key,
        instance_id uuid not null constraint operations_instance_fk references instances (id) on delete restrict,
        project_id text not null,
        host text not null,
        kind text not null constraint operations_kind_known check (kind in ('snapshot', 'rollback', 'undo', 'delete')),
        state text not null constraint operations_state_known
          check (state in ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
        phase text not null,
        done_bytes bigint not null default 0,
        total_bytes bigint not null default 0,
        progress_key text not null default '',
        past_no_return boolean not null default false,
        cancel_requested boolean not null default false,
        settled_by text constraint operations_settled_by_known check (settled_by in ('event', 'sweep', 'control')),
        epoch bigint not null,
        snapshot_uid uuid,
        undoes uuid constraint operations_undoes_fk references operations (id) on delete restrict,
        replaced_layer_uid uuid,
        fetched_bytes bigint,
        local_bytes bigint,
        downtime_ms double precision,
        chain_length integer,
        merges jsonb not null default '[]',
        problem jsonb,
        request_id text,
        user_id text not null,
        created_at timestamptz(3) not null,
        started_at timestamptz(3),
        finished_at timestamptz(3),
        constraint operations_settled check ((state in ('queued', 'running')) = (settled_by is null)
          and (settled_by is null) = (finished_at is null)),
        constraint operations_subject check ((kind = 'undo') = (undoes is not null)
          and (kind = 'undo' or snapshot_uid is not null))
      )`);
    // Two API processes may accept a request for one instance at the same moment; the database lets one in.
    await db.query(`
      create unique index operations_one_active on operations (instance_id) where state in ('queued', 'running')`);
    await db.query(`create index operations_of_instance on operations (instance_id, created_at, id)`);
    await db.query(`create index operations_of_project on operations (project_id, created_at, id)`);
    await db.query(`create index operations_by_time on operations (created_at, id)`);
    await db.query(`create index operations_unconfirmed on operations (instance_id) where settled_by = 'sweep'`);

    await db.query(`
      create table restore_points (
        uid uuid constraint restore_points_pk primary key,
        instance_id uuid not null constraint restore_points_instance_fk references instances (id) on delete restrict,
        project_id text not null,
        name text,
        status text not null constraint restore_points_status_known
          check (status in ('creating', 'available', 'restoring', 'deleting', 'error')),
        layer_uid uuid,
        operation_id uuid not null
          constraint restore_points_operation_fk references operations (id) on delete restrict,
        consistency text constraint restore_points_consistency_known check (consistency in ('crash', 'filesystem')),
        stall_ms double precision,
        healed boolean not null default false,
        problem jsonb,
        created_at timestamptz(3) not null,
        sealed_at timestamptz(3),
        available_at timestamptz(3),
        constraint restore_points_layer_fk foreign key (layer_uid, instance_id)
          references layers (uid, instance_id) on delete restrict,
        constraint restore_points_have_a_layer check (status in ('creating', 'error') or layer_uid is not null)
      )`);
    await db.query(`create unique index restore_points_layer on restore_points (layer_uid)`);
    await db.query(`create index restore_points_of_instance on restore_points (instance_id, created_at, uid)`);
    await db.query(`create index restore_points_sealed on restore_points (instance_id, sealed_at, uid)`);

    await db.query(`
      create table discarded_layers (
        uid uuid constraint discarded_layers_pk primary key,
        object_key text not null,
        manifest_key text not null,
        attempts integer not null default 0,
        problem jsonb,
        discarded_at timestamptz(3) not null,
        next_attempt_at timestamptz(3) not null,
        removed_at timestamptz(3)
      )`);
    await db.query(`create index discarded_layers_left on discarded_layers (next_attempt_at) where removed_at is null`);

    await db.query(`
      create table outbox (
        id bigint generated by default as identity constraint outbox_pk primary key,
        exchange text not null,
        routing_key text not null,
        message_id text not null constraint outbox_message_id unique,
        body jsonb not null,
        created_at timestamptz(3) not null,
        published_at timestamptz(3)
      )`);
    await db.query(`create index outbox_unpublished on outbox (id) where published_at is null`);

    await db.query(`
      create table idempotency_keys (
        project_id text not null,
        key text not null,
        request_hash text not null,
        status integer,
        body json,
        created_at timestamptz(3) not null,
        constraint idempotency_keys_pk primary key (project_id, key)
      )`);
    await db.query(`create index idempotency_keys_age on idempotency_keys (created_at)`);

    await db.query(`
      create table audit_log (
        id bigint generated by default as identity constraint audit_log_pk primary key,
        at timestamptz(3) not null,
        user_id text not null,
        project_id text not null,
        action text not null,
        target text not null,
        request_id text not null,
        outcome text not null constraint audit_log_outcome_known check (outcome in ('accepted', 'denied')),
        code text
      )`);
    await db.query(`create index audit_log_of_project on audit_log (project_id, at)`);

    // Whoever changes an operation's row tells its watchers, and can't forget to.
    await db.query(`
      create function notify_operation() returns trigger language plpgsql as $$
      begin
        perform pg_notify('varve_operation', new.id::text);
        if new.kind = 'delete' and new.state = 'queued' then
          perform pg_notify('varve_delete', new.id::text);
        end if;
        return null;
      end $$`);
    await db.query(`
      create trigger operations_notify after insert or update on operations
        for each row execute function notify_operation()`);
    await db.query(`
      create function notify_outbox() returns trigger language plpgsql as $$
      begin
        perform pg_notify('varve_outbox', '');
        return null;
      end $$`);
    await db.query(`
      create trigger outbox_notify after insert on outbox
        for each statement execute function notify_outbox()`);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`drop table audit_log, idempotency_keys, outbox, discarded_layers, restore_points, operations, layers,
      instances, hosts`);
    await db.query(`drop function notify_operation(), notify_outbox()`);
  }
}
