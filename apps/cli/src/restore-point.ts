import type { InstanceView, SnapshotView } from '@varve/contracts';
import { NotFoundError } from '@varve/core';
import { time } from './output/human.js';
import type { Session } from './settings.js';

/** @throws {NotFoundError} it has none that is so old */
export async function newestUntil(
  { client, signal }: Session,
  instance: InstanceView,
  at?: string,
): Promise<SnapshotView> {
  for await (const point of client.restorePoints(instance.id, { to: at, limit: 1 }, { signal })) return point;
  throw new NotFoundError(`restore point of ${instance.name} until`, time(at ?? null));
}
