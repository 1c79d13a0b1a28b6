import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What Nova says of its servers, beside what their hosts report. No foreign key: Nova may speak of a server before its
 * host does, and after. Times have microseconds here, because Nova's notifications are told apart by them.
 */
export class ComputeFacts1795200000000 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      create table compute_facts (
        instance_id uuid constraint compute_facts_pk primary key,
        project_id text not null,
        name text not null,
        host text,
        vm_state text not null,
        observed_at timestamptz(6) not null,
        deleted_at timestamptz(3),
        root_request_id text,
        root_at timestamptz(6),
        roots_checked_for text
      )`);
    await db.query(`create index compute_facts_deleted on compute_facts (deleted_at)`);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`drop table compute_facts`);
  }
}
