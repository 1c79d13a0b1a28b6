import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What is stored, over time, is read from these alone: the rows themselves are ten times as long. */
export class StorageOverTime1796400000000 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`drop index layers_in_time`);
    await db.query(`create index layers_stored on layers (project_id, created_at)
      include (uid, object_bytes, virtual_size_bytes)`);
    await db.query(`create index restore_points_live on restore_points (layer_uid)
      where status in ('available', 'restoring')`);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`drop index restore_points_live`);
    await db.query(`drop index layers_stored`);
    await db.query(`create index layers_in_time on layers (project_id, created_at)`);
  }
}
