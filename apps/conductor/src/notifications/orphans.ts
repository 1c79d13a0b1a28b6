import type { Catalog, CatalogTx, Log } from '@varve/catalog';
import type { InstanceId, OperationId } from '@varve/core';

const BATCH = 20;

/**
 * Has the restore points of instances that Nova deleted long enough ago deleted as well: one of each instance at a time,
 * those first that no other one stands on. The deletions themselves are carried out as any.
 *
 * @returns how many deletions were asked for
 */
export async function expireOrphans(catalog: Catalog, keepDays: number, log: Log): Promise<number> {
  let asked = 0;
  for (const id of await catalog.read((tx) => tx.compute.orphans(keepDays, BATCH))) {
    if (!(await catalog.transaction((tx) => expireOne(tx, id)))) continue;
    log.info({ instance: id }, 'a restore point of a deleted instance has had its time');
    asked++;
  }
  return asked;
}

async function expireOne(tx: CatalogTx, id: InstanceId): Promise<boolean> {
  const instance = await tx.instances.lock(id);
  if (!instance || (await tx.operations.activeOn(id))) return false;
  const { rows } = await tx.restorePoints.page(id, undefined, { limit: 100 });
  for (const point of rows) {
    if (point.layerUid !== null && (await tx.layers.neededBy(point.layerUid, point.uid)) !== null) continue;
    const operation = {
      id: crypto.randomUUID() as OperationId,
      instanceId: id,
      projectId: instance.projectId,
      host: instance.host,
      epoch: await tx.instances.nextEpoch(id),
      requestId: null,
      userId: 'varve',
      kind: 'delete' as const,
      snapshotUid: point.uid,
    };
    if (point.layerUid === null) {
      // Never became one: there is nothing in the store.
      await tx.operations.recordDone(operation);
      await tx.restorePoints.remove(point.uid);
      return true;
    }
    await tx.operations.start({ ...operation, phase: 'finishing', pastNoReturn: true });
    await tx.restorePoints.update(point.uid, { status: 'deleting' });
    return true;
  }
  return false;
}
