import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What the layers below an instance's active one show, so that they can be made again; and the operation that does it. */
export class Repair1795700000000 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`alter table instances add column top_layer_uid uuid`);
    await db.query(`
      alter table operations
        drop constraint operations_kind_known,
        drop constraint operations_subject,
        add constraint operations_kind_known
          check (kind in ('snapshot', 'rollback', 'undo', 'delete', 'settle', 'export', 'repair')),
        add constraint operations_subject check ((kind = 'undo') = (undoes is not null)
          and (kind in ('undo', 'settle', 'repair') or snapshot_uid is not null))`);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`delete from operations where kind = 'repair'`);
    await db.query(`
      alter table operations
        drop constraint operations_kind_known,
        drop constraint operations_subject,
        add constraint operations_kind_known check (kind in ('snapshot', 'rollback', 'undo', 'delete', 'settle', 'export')),
        add constraint operations_subject check ((kind = 'undo') = (undoes is not null)
          and (kind in ('undo', 'settle') or snapshot_uid is not null))`);
    await db.query(`alter table instances drop column top_layer_uid`);
  }
}
