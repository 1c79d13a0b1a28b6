import { lockOperation, settle } from '@varve/catalog';
import type { CatalogTx, OperationEntity } from '@varve/catalog';
import type { EventOf, VarveEvent } from '@varve/contracts';
import { ServiceError } from '@varve/core';
import type { InstanceId } from '@varve/core';

type OperationEvent = Exclude<VarveEvent, EventOf<'host.heartbeat' | 'instance.chain'>>;

/** An event about work that the catalog knows nothing of: it can't be attributed to anybody. */
export class UnknownOperationError extends ServiceError {
  readonly code = 'unknown_operation';
  readonly remedy = 'call-operator';
}

/**
 * Takes what a host says about an operation into the catalog.
 *
 * Events may come twice, late and in any order, and any order ends in the same rows: each fact has its own columns, set
 * by its own event; what is final beats what is assumed; and a layer that is in the store is one, whatever was believed
 * of its snapshot before.
 */
export async function recordOperationEvent(tx: CatalogTx, event: OperationEvent): Promise<void> {
  const { operationId, instanceId } = event.data;
  if (event.type === 'operation.progress') return recordProgress(tx, event);
  if (event.type === 'operation.step') return recordStep(tx, event);
  const operation = await lockOperation(tx, operationId);
  if (operation?.instanceId !== instanceId) {
    throw new UnknownOperationError('The event is about an operation that is not in the catalog', { operationId });
  }
  switch (event.type) {
    case 'operation.accepted':
      return tx.operations.begun(operationId, event.time);
    case 'snapshot.sealed':
      await tx.operations.begun(operationId, null);
      return recordSealed(tx, event);
    case 'snapshot.available':
      await tx.operations.begun(operationId, null);
      return recordAvailable(tx, operation, event);
    case 'snapshot.failed':
      return tx.restorePoints.failed(event.data.snapshotUid, event.data.problem, null);
    case 'rollback.completed':
      await tx.operations.begun(operationId, null);
      return recordCompleted(tx, operation, event);
    case 'export.completed':
      await tx.operations.begun(operationId, null);
      await tx.operations.update(operationId, { imageId: event.data.imageId });
      return confirmAgainstSweep(tx, operation);
    case 'rollback.failed':
    case 'export.failed':
      // The operation's end, which carries the reason as well, decides.
      return;
    case 'operation.finished':
      return recordFinished(tx, operation, event);
  }
}

/** May be lost, and so may come late: an older one than the last is passed over, and what is over stays over. */
async function recordProgress(tx: CatalogTx, { id, time, data }: EventOf<'operation.progress'>): Promise<void> {
  await tx.operations.progressed(data.operationId, `${new Date(time).toISOString()} ${id}`, data);
}

/** May be lost, as above; the operation's end has all of them. */
async function recordStep(tx: CatalogTx, { time, data }: EventOf<'operation.step'>): Promise<void> {
  const operation = await tx.operations.lock(data.operationId);
  if (operation?.instanceId !== data.instanceId) return;
  await tx.steps.reported(data.operationId, data.step, time);
}

async function recordSealed(tx: CatalogTx, { data }: EventOf<'snapshot.sealed'>): Promise<void> {
  await tx.restorePoints.update(data.snapshotUid, {
    sealedAt: new Date(data.sealedAt),
    stallMs: data.stallMs,
    consistency: data.consistency,
  });
}

async function recordAvailable(
  tx: CatalogTx,
  operation: OperationEntity,
  { data, time }: EventOf<'snapshot.available'>,
): Promise<void> {
  const { layer, snapshotUid, healed } = data;
  const isStored = await tx.layers.stored(layer, operation.instanceId, operation.projectId, time);
  if (!isStored) return; // deleted since: this is an old event come again
  await tx.restorePoints.available(snapshotUid, layer.uid, healed, time);
  await confirmAgainstSweep(tx, operation);
}

async function recordCompleted(
  tx: CatalogTx,
  operation: OperationEntity,
  { data }: EventOf<'rollback.completed'>,
): Promise<void> {
  await tx.operations.update(operation.id, {
    fetchedBytes: data.fetchedBytes,
    localBytes: data.localBytes,
    downtimeMs: data.downtimeMs,
  });
  await confirmAgainstSweep(tx, operation);
}

/** We had given it up, and it did succeed. Its end, should it still come, has the last word. */
async function confirmAgainstSweep(tx: CatalogTx, operation: OperationEntity): Promise<void> {
  if (operation.settledBy === 'sweep') await tx.operations.update(operation.id, { state: 'succeeded', problem: null });
}

async function recordFinished(
  tx: CatalogTx,
  operation: OperationEntity,
  { data, time }: EventOf<'operation.finished'>,
): Promise<void> {
  if (operation.settledBy !== 'event') {
    await tx.operations.update(operation.id, { chainLength: data.chainLength, merges: data.merges });
  }
  if (data.steps) await tx.steps.are(operation.id, data.steps, time);
  await settle(tx, operation, { state: data.state, problem: data.problem, settledBy: 'event', at: new Date(time) });
  if (data.headLayerUid !== undefined && data.chainLength !== null) {
    await tx.instances.chainIs(operation.instanceId, operation.epoch, {
      head: data.headLayerUid,
      top: data.topLayerUid ?? null,
      length: data.chainLength,
    });
    await tx.compute.apply(operation.instanceId);
  }
}

/** @returns instances that the host reported without being the one that has them */
export async function recordHeartbeat(tx: CatalogTx, event: EventOf<'host.heartbeat'>): Promise<InstanceId[]> {
  const isNewest = await tx.hosts.heard(event);
  return isNewest ? tx.instances.reported(event.data.host, event.data.instances, event.time) : [];
}

/** May be lost, and may come late: then a newer one is known. */
export async function recordChain(tx: CatalogTx, { data }: EventOf<'instance.chain'>): Promise<void> {
  await tx.instances.chainSeen(data.host, data.instanceId, data.chain);
}
