import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import { Inject, Injectable } from '@nestjs/common';
import { Catalog, settle } from '@varve/catalog';
import type { CatalogTx, Listener, Log } from '@varve/catalog';
import { problemOf, ServiceUnavailableError, SnapshotNeededError } from '@varve/core';
import type { InstanceId, OperationId } from '@varve/core';
import { Repeated } from '../repeat.js';
import { LOG } from '../tokens.js';

const BATCH = 50;
const EVERY_MS = 5_000;

/** Carries out deletions as they are asked for. */
@Injectable()
export class Deletions implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private loop: Repeated | null = null;
  private listener: Listener | null = null;

  constructor(
    private readonly catalog: Catalog,
    @Inject(LOG) private readonly log: Log,
  ) {}

  onApplicationBootstrap(): void {
    const loop = new Repeated(() => this.deleteAll(), EVERY_MS);
    this.loop = loop;
    const wake = (): void => loop.wake();
    this.listener = this.catalog.listen('varve_delete', wake, wake);
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.listener?.close();
    await this.loop?.close();
  }

  private async deleteAll(): Promise<boolean> {
    if (!this.catalog.ready) return false;
    try {
      const queued = await this.catalog.read((tx) => tx.operations.queuedDeletes(BATCH));
      for (const { id, instanceId } of queued) {
        await this.catalog.transaction((tx) => deleteRestorePoint(tx, id, instanceId));
      }
      return queued.length === BATCH;
    } catch (error) {
      const facts = { err: error };
      if (error instanceof ServiceUnavailableError) this.log.warn(facts, 'deletions have to wait');
      else this.log.error(facts, 'a deletion failed and will be tried again');
      return false;
    }
  }
}

/**
 * The restore point goes, and with it the layers that nothing stands on any more. What the host's chain stands on stays
 * in the store, and so in the success list, until the chain has left it.
 *
 * All in one transaction, so that it does not matter how many conductors are at it; the objects are removed afterwards.
 */
export async function deleteRestorePoint(tx: CatalogTx, id: OperationId, instanceId: InstanceId): Promise<void> {
  await tx.instances.lock(instanceId);
  const operation = await tx.operations.lock(id);
  if (!operation || operation.settledBy !== null || operation.snapshotUid === null) return;
  const uid = operation.snapshotUid;
  const end = { state: 'succeeded', problem: null, settledBy: 'control', at: new Date() } as const;
  await tx.operations.begun(id, end.at.toISOString());
  const point = await tx.restorePoints.lock(uid);
  if (!point) return settle(tx, operation, end);

  const { layerUid } = point;
  // A snapshot that we had given up on may have become available since the request, and stand on this one.
  const neededBy = layerUid === null ? null : await tx.layers.neededBy(layerUid, uid);
  if (neededBy !== null) {
    await tx.restorePoints.move(uid, ['deleting'], 'available');
    const problem = problemOf(new SnapshotNeededError(uid, neededBy));
    return settle(tx, operation, { ...end, state: 'failed', problem });
  }
  await tx.restorePoints.remove(uid);
  await settle(tx, operation, end);
  if (layerUid !== null) await tx.layers.discardFrom(layerUid, instanceId);
}
