import type { EntityManager } from 'typeorm';

export interface OutboxMessage {
  readonly id: string;
  readonly exchange: string;
  readonly routingKey: string;
  readonly messageId: string;
  readonly body: unknown;
}

export class OutboxRepository {
  constructor(private readonly db: EntityManager) {}

  /** @param messageId - the same message is never added twice */
  async add(message: Omit<OutboxMessage, 'id'>): Promise<void> {
    await this.db.query(
      `insert into outbox (exchange, routing_key, message_id, body, created_at) values ($1, $2, $3, $4, now())`,
      [message.exchange, message.routingKey, message.messageId, JSON.stringify(message.body)],
    );
  }

  /** The oldest messages that were not published, locked until the transaction ends. */
  async take(limit: number): Promise<OutboxMessage[]> {
    return this.db.query(
      `select id, exchange, routing_key as "routingKey", message_id as "messageId", body from outbox
       where published_at is null order by id limit $1 for update skip locked`,
      [limit],
    );
  }

  async published(ids: readonly string[]): Promise<void> {
    await this.db.query(`update outbox set published_at = now() where id = any($1::bigint[])`, [ids]);
  }

  /**
   * Takes a message back.
   *
   * @returns `false`: it was published, or is being published right now
   */
  async withdraw(messageId: string): Promise<boolean> {
    const [rows]: [unknown[]] = await this.db.query(
      `delete from outbox where id in (
         select id from outbox where message_id = $1 and published_at is null for update skip locked) returning id`,
      [messageId],
    );
    return rows.length > 0;
  }

  async pending(): Promise<{ count: number; oldestSeconds: number }> {
    const [row]: { count: string; oldest: string | null }[] = await this.db.query(
      `select count(*) as count, extract(epoch from now() - min(created_at)) as oldest
       from outbox where published_at is null`,
    );
    return { count: Number(row?.count ?? 0), oldestSeconds: Number(row?.oldest ?? 0) };
  }
}
