import type { OperationId, Problem, SnapshotUid } from '@varve/core';
import { CancelledError, problemOf } from '@varve/core';
import type { CatalogTx } from './catalog-tx.js';
import type { OperationEntity } from './operation.entity.js';

export interface Ending {
  readonly state: 'succeeded' | 'failed' | 'cancelled';
  readonly problem: Problem | null;
  readonly settledBy: 'event' | 'sweep' | 'control';
  readonly at: Date;
}

/**
 * Ends an operation, and what its restore point was waiting for. The caller holds the operation's row.
 *
 * What the host itself said is final; what we assumed before is replaced by it.
 */
export async function settle(tx: CatalogTx, operation: OperationEntity, ending: Ending): Promise<void> {
  if (operation.settledBy === 'event' || (operation.settledBy !== null && ending.settledBy !== 'event')) return;
  const problem = ending.state === 'succeeded' ? null : (ending.problem ?? problemFor(ending));
  await tx.operations.update(operation.id, {
    state: ending.state,
    settledBy: ending.settledBy,
    finishedAt: ending.at,
    problem,
  });
  const uid = operation.snapshotUid;
  if (uid === null) return;
  if (operation.kind === 'rollback') await tx.restorePoints.restored(uid);
  if (operation.kind === 'snapshot' && problem !== null) await failPoint(tx, uid, problem, operation.problem);
}

const problemFor = ({ state }: Ending): Problem =>
  problemOf(state === 'cancelled' ? new CancelledError() : new Error('The host gave no reason'));

const failPoint = (tx: CatalogTx, uid: SnapshotUid, problem: Problem, assumed: Problem | null): Promise<void> =>
  tx.restorePoints.failed(uid, problem, assumed ?? undefined);

/** Locks in the order that all do: first the instance, then the operation. */
export async function lockOperation(tx: CatalogTx, id: OperationId): Promise<OperationEntity | null> {
  const found = await tx.operations.find(id);
  if (!found) return null;
  await tx.instances.lock(found.instanceId);
  return tx.operations.lock(id);
}
