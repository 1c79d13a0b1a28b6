import type { EntityManager } from 'typeorm';

/** Rows that have served their purpose. The audit log is not among them. */
export class HousekeepingRepository {
  constructor(private readonly db: EntityManager) {}

  /** Answers kept for repeated requests, published messages, and the memory of layers that were removed. */
  async tidy(): Promise<void> {
    await this.db.query(`delete from idempotency_keys where created_at < now() - interval '24 hours'`);
    await this.db.query(`delete from outbox where published_at < now() - interval '24 hours'`);
    // Longer than any event can be late: one that speaks of a removed layer must not bring it back.
    await this.db.query(`delete from discarded_layers where removed_at < now() - interval '30 days'`);
  }

  async discardedLeft(): Promise<number> {
    const [row]: { count: string }[] = await this.db.query(
      `select count(*) as count from discarded_layers where removed_at is null`,
    );
    return Number(row?.count ?? 0);
  }
}
