import type { MigrationInterface, QueryRunner } from 'typeorm';

/** An operation that brings a disk back to one layer; like an undo, it is not about a snapshot. */
export class Settle1795300000000 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      alter table operations
        drop constraint operations_kind_known,
        drop constraint operations_subject,
        add constraint operations_kind_known check (kind in ('snapshot', 'rollback', 'undo', 'delete', 'settle')),
        add constraint operations_subject check ((kind = 'undo') = (undoes is not null)
          and (kind in ('undo', 'settle') or snapshot_uid is not null))`);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`delete from operations where kind = 'settle'`);
    await db.query(`
      alter table operations
        drop constraint operations_kind_known,
        drop constraint operations_subject,
        add constraint operations_kind_known check (kind in ('snapshot', 'rollback', 'undo', 'delete')),
        add constraint operations_subject check ((kind = 'undo') = (undoes is not null)
          and (kind = 'undo' or snapshot_uid is not null))`);
  }
}
