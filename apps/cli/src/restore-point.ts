import { RollbackPlanQuery } from '@varve/contracts';
import type { InstanceView, RollbackPlanView, SnapshotView } from '@varve/contracts';
import { NotFoundError } from '@varve/core';
import { UsageError } from './exit-codes.js';
import { time } from './output/human.js';
import type { Session } from './settings.js';
import { printable } from './terminal.js';

/** @throws {NotFoundError} it has none that is so old */
export async function newestUntil(
  { client, signal }: Session,
  instance: InstanceView,
  at?: string,
): Promise<SnapshotView> {
  for await (const point of client.restorePoints(instance.id, { to: at, limit: 1 }, { signal })) return point;
  throw new NotFoundError(`restore point of ${printable(instance.name)} until`, time(at ?? null));
}

/**
 * What a rollback there would do.
 *
 * @param where - one of both
 */
export function planFor(
  { client, signal }: Session,
  instance: InstanceView,
  where: { readonly to?: string | undefined; readonly at?: string | undefined },
): Promise<RollbackPlanView> {
  const target = RollbackPlanQuery.safeParse(where.to === undefined ? { at: where.at } : { snapshotUid: where.to });
  if (!target.success) throw new UsageError(`${where.to} is no uid of a snapshot`);
  return client.rollbackPlan(instance.id, target.data, { signal });
}
