import type { AuditQuery } from '@varve/contracts';
import { IdempotencyKeyReusedError } from '@varve/core';
import type { ProjectId } from '@varve/core';
import type { EntityManager } from 'typeorm';
import type { PageRequest } from './paging.js';
import { MarkerInvalidError } from './paging.js';
import { AuditEntity } from './request-log.entity.js';

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export class IdempotencyRepository {
  constructor(private readonly db: EntityManager) {}

  /**
   * Takes a key for this transaction. Waits for another one that has it just now.
   *
   * @returns the answer given before; `null`: make one and {@link answered} it
   * @throws {IdempotencyKeyReusedError} it was given to a different request
   */
  async take(project: ProjectId, key: string, requestHash: string): Promise<Answer | null> {
    const mine: unknown[] = await this.db.query(
      `insert into idempotency_keys (project_id, key, request_hash, created_at) values ($1, $2, $3, now())
       on conflict do nothing returning key`,
      [project, key, requestHash],
    );
    if (mine.length > 0) return null;
    const [row]: { request_hash: string; status: number; body: unknown }[] = await this.db.query(
      `select request_hash, status, body from idempotency_keys where project_id = $1 and key = $2`,
      [project, key],
    );
    if (row?.request_hash !== requestHash) throw new IdempotencyKeyReusedError();
    return { status: row.status, body: row.body };
  }

  async answered(project: ProjectId, key: string, answer: Answer): Promise<void> {
    await this.db.query(`update idempotency_keys set status = $3, body = $4 where project_id = $1 and key = $2`, [
      project,
      key,
      answer.status,
      JSON.stringify(answer.body),
    ]);
  }
}

export type AuditEntry = Omit<AuditEntity, 'id' | 'at' | 'client' | 'times'> & { readonly client?: string };

export class AuditRepository {
  constructor(private readonly db: EntityManager) {}

  /** @returns the line's id */
  async add(entry: AuditEntry): Promise<string> {
    const [row]: { id: string }[] = await this.db.query(
      `insert into audit_log (at, user_id, project_id, action, target, request_id, outcome, code, client)
       values (now(), $1, $2, $3, $4, $5, $6, $7, $8) returning id`,
      [
        entry.userId,
        entry.projectId,
        entry.action,
        entry.target,
        entry.requestId,
        entry.outcome,
        entry.code,
        entry.client ?? null,
      ],
    );
    if (!row) throw new Error('an insert gave no row');
    return row.id;
  }

  /** Newest first. */
  async page(
    of: Omit<AuditQuery, 'limit' | 'marker'>,
    { limit, marker }: PageRequest,
  ): Promise<{ rows: AuditEntity[]; nextMarker: string | null }> {
    const query = this.db
      .createQueryBuilder(AuditEntity, 'entry')
      .orderBy('entry.id', 'DESC')
      .take(limit + 1);
    if (of.from !== undefined) query.andWhere('entry.at >= :from', of);
    if (of.to !== undefined) query.andWhere('entry.at <= :to', of);
    for (const field of ['userId', 'projectId', 'action', 'outcome'] as const) {
      if (of[field] !== undefined) query.andWhere(`entry.${field} = :${field}`, of);
    }
    if (marker !== undefined) {
      // A bigint of the database.
      if (!/^\d{1,18}$/.test(marker)) throw new MarkerInvalidError();
      query.andWhere('entry.id < :marker', { marker });
    }
    const rows = await query.getMany();
    const page = rows.slice(0, limit);
    return { rows: page, nextMarker: rows.length > limit ? (page.at(-1)?.id ?? null) : null };
  }

  /** So many more like that one. */
  async again(id: string, times: number): Promise<void> {
    await this.db.query(`update audit_log set times = times + $2 where id = $1`, [id, times]);
  }
}
