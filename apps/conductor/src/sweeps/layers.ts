import type { Catalog, Log } from '@varve/catalog';
import { problemOf } from '@varve/core';
import type { LayerStore } from '@varve/ports';

const BATCH = 20;

/**
 * Removes the objects of discarded layers. The store being away only makes it later.
 *
 * @returns how many were removed
 */
export async function removeDiscarded(catalog: Catalog, store: Pick<LayerStore, 'delete'>, log: Log): Promise<number> {
  const claimed = await catalog.transaction((tx) => tx.layers.claimDiscarded(BATCH));
  let removed = 0;
  for (const { uid, ...keys } of claimed) {
    try {
      await store.delete(keys);
      await catalog.transaction((tx) => tx.layers.removed(uid));
      removed++;
    } catch (error) {
      log.warn({ err: error, layer: uid }, 'a discarded layer could not be removed from the store yet');
      await catalog.transaction((tx) => tx.layers.notRemoved(uid, problemOf(error)));
    }
  }
  return removed;
}

/** Discards the layers that only the host's chain had kept, once it has left them, as a rollback makes it do. */
export async function discardUnclaimed(catalog: Catalog): Promise<void> {
  for (const { uid, instanceId } of await catalog.read((tx) => tx.layers.unclaimed(BATCH))) {
    await catalog.transaction(async (tx) => {
      await tx.instances.lock(instanceId);
      if (!(await tx.operations.activeOn(instanceId))) await tx.layers.discardFrom(uid, instanceId);
    });
  }
}
