import { ServiceError } from '@varve/core';
import type { ObjectLiteral, SelectQueryBuilder } from 'typeorm';

/** A page's end: what the next one begins after. */
export interface PageRequest {
  readonly limit: number;
  readonly marker?: string | undefined;
}

export class MarkerInvalidError extends ServiceError {
  readonly code = 'invalid_request';
  readonly remedy = 'fix-request';
  constructor(options?: ErrorOptions) {
    super('The marker is not one that a page ended with', { marker: 'not valid' }, options);
  }
}

const MARKER = /^(\d{1,15})_([0-9a-f-]{36})$/;

/** Says what the item was and not where: what is inserted or deleted meanwhile moves nothing. */
export const markerAt = (at: Date, id: string): string => `${at.getTime()}_${id}`;

/**
 * Newest first. What is inserted while somebody turns pages comes before the first one.
 *
 * @param time - property that says when; never null in the rows asked for
 * @throws {MarkerInvalidError}
 */
export async function newestFirst<Row extends ObjectLiteral>(
  query: SelectQueryBuilder<Row>,
  time: string & keyof Row,
  id: string & keyof Row,
  { limit, marker }: PageRequest,
): Promise<{ rows: Row[]; nextMarker: string | null }> {
  const { alias } = query;
  if (marker !== undefined) {
    const [, at, after] = MARKER.exec(marker) ?? [];
    if (at === undefined || after === undefined) throw new MarkerInvalidError();
    query.andWhere(`(${alias}.${time}, ${alias}.${id}) < (:markerAt::timestamptz, :markerId::uuid)`, {
      markerAt: new Date(Number(at)),
      markerId: after,
    });
  }
  const rows = await query
    .orderBy(`${alias}.${time}`, 'DESC')
    .addOrderBy(`${alias}.${id}`, 'DESC')
    .take(limit + 1)
    .getMany();
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    rows: page,
    nextMarker: rows.length > limit && last ? markerAt(last[time], last[id]) : null,
  };
}
