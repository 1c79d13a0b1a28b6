import type { MigrationInterface, QueryRunner } from 'typeorm';

/** An operation that makes an image of a restore point, and the image that it made. */
export class Export1795500000000 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      alter table operations
        add column image_id uuid,
        drop constraint operations_kind_known,
        add constraint operations_kind_known
          check (kind in ('snapshot', 'rollback', 'undo', 'delete', 'settle', 'export'))`);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`delete from operations where kind = 'export'`);
    await db.query(`
      alter table operations
        drop column image_id,
        drop constraint operations_kind_known,
        add constraint operations_kind_known check (kind in ('snapshot', 'rollback', 'undo', 'delete', 'settle'))`);
  }
}
