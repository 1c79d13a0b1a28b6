import type { InstanceQuery, Protection } from '@varve/contracts';
import { isUuid, OBSTRUCTING_STATES } from '@varve/core';
import type { HostName, InstanceId, ProjectId } from '@varve/core';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import { MarkerInvalidError } from './paging.js';
import type { PageRequest } from './paging.js';

const texts = (values: readonly string[]): string => `array[${values.map((value) => `'${value}'`).join(', ')}]`;

/**
 * {@link Protection} of `instances i`, `instance_summaries s` and `compute_facts f`. What Nova is doing with an instance
 * comes before what its host finds, such as a disk that is half gone; `obstacleOf` says the same of one.
 */
export const PROTECTION = `case
  when case
      when f.vm_state = any(${texts(OBSTRUCTING_STATES.lasting)}) then true
      when f.vm_state = any(${texts(OBSTRUCTING_STATES.passing)}) or f.host <> i.host then false
      else coalesce(i.unsupported ->> 'remedy' <> 'retry', false)
    end then 'unsupported'
  when s.newest_failed then 'failing'
  when s.restore_points > 0 then 'protected'
  else 'unprotected' end`;

export interface InstanceFilter {
  /** `null`: of all projects. */
  readonly project: ProjectId | null;
  /** Part of its name, or the beginning of its id. */
  readonly search?: string | undefined;
  readonly protection?: Protection | undefined;
  readonly host?: HostName | undefined;
}

export type InstanceOrder = Pick<InstanceQuery, 'sort' | 'order'>;

/** What each order goes by, and the type to compare it in. */
const KEYS: Readonly<Record<InstanceOrder['sort'], readonly [sql: string, type: string]>> = {
  id: ['i.id', 'uuid'],
  // Byte by byte, so that every database has the same order.
  name: [`lower(i.name) collate "C"`, 'text'],
  host: [`i.host collate "C"`, 'text'],
  lastRestorePointAt: ['s.last_point_at', 'timestamptz'],
  storedBytes: ['s.stored_bytes', 'bigint'],
  virtualSizeBytes: ['i.virtual_size_bytes', 'bigint'],
};

/** What the last item of a page was, and not where: what comes and goes meanwhile moves nothing. */
const Marker = z.tuple([z.string(), z.enum(['asc', 'desc']), z.string().nullable(), z.string().refine(isUuid)]);

const markerOf = (marker: z.output<typeof Marker>): string => Buffer.from(JSON.stringify(marker)).toString('base64url');

/** @throws {MarkerInvalidError} also for one of another order */
function read(marker: string, { sort, order }: InstanceOrder): { key: string | null; id: string } {
  try {
    const [by, direction, key, id] = Marker.parse(JSON.parse(Buffer.from(marker, 'base64url').toString()));
    if (by === sort && direction === order && isOfType(key, KEYS[sort][1])) return { key, id };
  } catch (error) {
    throw new MarkerInvalidError({ cause: error });
  }
  throw new MarkerInvalidError();
}

/** The database would take offence. */
function isOfType(key: string | null, type: string): boolean {
  if (key === null || type === 'text') return !key?.includes('\0');
  if (type === 'bigint') return /^-?\d{1,18}$/.test(key);
  return type === 'uuid' ? isUuid(key) : !Number.isNaN(Date.parse(key));
}

/**
 * Those without a value come last, whichever way the others go; those with the same one go by id.
 *
 * @throws {MarkerInvalidError}
 */
export async function pageOfInstances(
  db: EntityManager,
  { project, search, protection, host }: InstanceFilter,
  { sort, order, limit, marker }: InstanceOrder & PageRequest,
): Promise<{ ids: InstanceId[]; nextMarker: string | null }> {
  const [key, type] = KEYS[sort];
  const parameters: unknown[] = [];
  const given = (value: unknown): string => `$${parameters.push(value)}`;
  const where: string[] = [];
  if (project !== null) where.push(`i.project_id = ${given(project)}`);
  if (host !== undefined) where.push(`i.host = ${given(host)}`);
  if (protection !== undefined) where.push(`${PROTECTION} = ${given(protection)}`);
  if (search !== undefined) {
    const text = given(search);
    where.push(`(position(lower(${text}) in lower(i.name)) > 0 or starts_with(i.id::text, lower(${text})))`);
  }
  if (marker !== undefined) {
    const after = read(marker, { sort, order });
    const id = `i.id > ${given(after.id)}::uuid`;
    if (after.key === null) where.push(`${key} is null and ${id}`);
    else {
      const value = `${given(after.key)}::${type}`;
      where.push(`(${key} ${order === 'asc' ? '>' : '<'} ${value} or ${key} = ${value} and ${id} or ${key} is null)`);
    }
  }
  const rows: { id: InstanceId; key: string | null }[] = await db.query(
    `select i.id, (${key})::text as key
     from instances i join instance_summaries s on s.instance_id = i.id left join compute_facts f on f.instance_id = i.id
     ${where.length > 0 ? `where ${where.join(' and ')}` : ''}
     order by ${key} ${order} nulls last, i.id limit ${limit + 1}`,
    parameters,
  );
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    ids: page.map(({ id }) => id),
    nextMarker: rows.length > limit && last ? markerOf([sort, order, last.key, last.id]) : null,
  };
}
