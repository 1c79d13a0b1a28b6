import type { CatalogTx, RestorePointEntity } from '@varve/catalog';
import type { RunRollback } from '@varve/contracts';
import { ConflictError, LineageBrokenError } from '@varve/core';
import type { LayerUid } from '@varve/core';

/** @throws {ConflictError} it can't be gone back to now */
export function assertAvailable(
  point: RestorePointEntity,
): asserts point is RestorePointEntity & { layerUid: LayerUid } {
  const { uid, status, layerUid } = point;
  if (status === 'available' && layerUid !== null) return;
  throw new ConflictError(`Snapshot ${uid} is ${status}, not available`, { snapshotUid: uid, status });
}

/** @throws {LineageBrokenError} */
export async function wholeLineage(tx: CatalogTx, top: LayerUid): Promise<RunRollback['lineage']> {
  const lineage = await tx.layers.lineage(top);
  if (lineage.at(-1)?.uid !== top) throw new LineageBrokenError(top);
  return lineage;
}
