import type { MigrationInterface, QueryRunner } from 'typeorm';

/** An instance's rollbacks and undos are few among its operations, and asked for at every look at its time line. */
export class Timeline1796300000000 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`create index operations_turns on operations (instance_id, epoch)
      where kind in ('rollback', 'undo') and state = 'succeeded'`);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`drop index operations_turns`);
  }
}
