import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Requests of nobody are counted instead of written down one by one. */
export class AuditTimes1795600000000 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`alter table audit_log add column client text, add column times integer not null default 1`);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`alter table audit_log drop column client, drop column times`);
  }
}
