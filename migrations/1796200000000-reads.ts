import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a page asks for at every look, among hundreds of thousands of rows. */
export class Reads1796200000000 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`create index operations_failed on operations (finished_at) where state = 'failed'`);
    await db.query(`create index operations_of_kind on operations (kind, created_at, id)`);
    await db.query(`create index layers_in_time on layers (project_id, created_at)`);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`drop index layers_in_time`);
    await db.query(`drop index operations_of_kind`);
    await db.query(`drop index operations_failed`);
  }
}
