import { Injectable } from '@nestjs/common';
import { Catalog, isKnownGone, operationView, rollbackView } from '@varve/catalog';
import type { CatalogTx, InstanceEntity, OperationEntity, RestorePointEntity } from '@varve/catalog';
import type {
  CreateRollback,
  KeepRollback,
  OperationView,
  Page,
  PageQuery,
  RollbackView,
  RunRollback,
  UndoRollback,
} from '@varve/contracts';
import { ConflictError, NotFoundError } from '@varve/core';
import type { InstanceId, OperationId } from '@varve/core';
import { Admission } from '../admission.js';
import { visible } from '../http/caller.js';
import type { Caller } from '../http/caller.js';
import { acceptOnce } from '../http/idempotency.js';
import { assertAvailable, wholeLineage } from '../snapshots/whole-lineage.js';

const KINDS = ['rollback', 'undo'];

@Injectable()
export class RollbacksService {
  constructor(
    private readonly catalog: Catalog,
    private readonly admission: Admission,
  ) {}

  async request(caller: Caller, instanceId: InstanceId, target: CreateRollback): Promise<RollbackView> {
    return this.catalog.transaction((tx) =>
      acceptOnce(tx, caller, 202, async () => {
        const instance = await this.admission.hold(tx, caller, instanceId);
        await this.admission.assertReachable(tx, instance);
        const point = await targetOf(tx, instanceId, target);
        assertAvailable(point);
        const head = instance.headLayerUid;
        const operation = await tx.operations.start({
          ...(await this.admission.operationOn(tx, caller, instance)),
          kind: 'rollback',
          snapshotUid: point.uid,
          replacedLayerUid: head,
        });
        await tx.restorePoints.update(point.uid, { status: 'restoring' });
        const job: RunRollback = {
          type: 'rollback.run',
          ...(await this.admission.envelopeOf(tx, operation)),
          snapshotUid: point.uid,
          lineage: await wholeLineage(tx, point.layerUid),
          currentLineage: head === null ? [] : await tx.layers.lineage(head),
        };
        await this.admission.send(tx, instance.host, operation.id, job);
        return rollbackView(operation, null);
      }),
    );
  }

  /** Brings back what the instance's latest rollback replaced: of an older one, nothing is left on the host. */
  async undo(caller: Caller, rollbackId: OperationId): Promise<RollbackView> {
    return this.catalog.transaction((tx) =>
      acceptOnce(tx, caller, 202, async () => {
        const instance = await this.holdReplaced(tx, caller, rollbackId);
        const operation = await tx.operations.start({
          ...(await this.admission.operationOn(tx, caller, instance)),
          kind: 'undo',
          undoes: rollbackId,
          replacedLayerUid: instance.headLayerUid,
        });
        const job: UndoRollback = {
          type: 'rollback.undo',
          ...(await this.admission.envelopeOf(tx, operation)),
          rollbackId,
        };
        await this.admission.send(tx, instance.host, operation.id, job);
        return rollbackView(operation, null);
      }),
    );
  }

  /** Gives up what the rollback replaced, and frees the space that it takes on the host. */
  async keep(caller: Caller, rollbackId: OperationId): Promise<OperationView> {
    return this.catalog.transaction((tx) =>
      acceptOnce(tx, caller, 202, async () => {
        const instance = await this.holdReplaced(tx, caller, rollbackId);
        const operation = await tx.operations.start({
          ...(await this.admission.operationOn(tx, caller, instance)),
          kind: 'keep',
          keeps: rollbackId,
        });
        const job: KeepRollback = {
          type: 'rollback.keep',
          ...(await this.admission.envelopeOf(tx, operation)),
          rollbackId,
        };
        await this.admission.send(tx, instance.host, operation.id, job);
        return operationView(operation);
      }),
    );
  }

  /**
   * The instance of a rollback, held, with what that replaced still on its host.
   *
   * @throws {ConflictError} there was another rollback since, or this one has been kept, or its host says it is gone
   */
  private async holdReplaced(tx: CatalogTx, caller: Caller, rollbackId: OperationId): Promise<InstanceEntity> {
    const rollback = visibleRollback(caller, rollbackId, await tx.operations.find(rollbackId));
    const instance = await this.admission.hold(tx, caller, rollback.instanceId);
    await this.admission.assertReachable(tx, instance);
    const latest = await tx.operations.latestRollback(instance.id);
    if (latest?.id === rollbackId && !isKnownGone(latest, instance)) return instance;
    throw new ConflictError(`What rollback ${rollbackId} replaced is not kept any more`, {
      rollbackId,
      state: rollback.state,
      ...(latest && { latest: latest.id }),
    });
  }

  async list(caller: Caller, instanceId: InstanceId, query: PageQuery): Promise<Page<RollbackView>> {
    return this.catalog.read(async (tx) => {
      const instance = visible(caller, 'instance', instanceId, await tx.instances.find(instanceId));
      const { rows, nextMarker } = await tx.operations.page({ instance: instanceId }, KINDS, query);
      const latest = await tx.operations.latestRollback(instanceId);
      return { items: rows.map((row) => rollbackView(row, latest, instance)), nextMarker };
    });
  }

  async show(caller: Caller, id: OperationId): Promise<RollbackView> {
    return this.catalog.read(async (tx) => {
      const operation = visibleRollback(caller, id, await tx.operations.find(id));
      const instance = await tx.instances.find(operation.instanceId);
      const latest = await tx.operations.latestRollback(operation.instanceId);
      return rollbackView(operation, latest, instance);
    });
  }
}

const visibleRollback = (caller: Caller, id: OperationId, row: OperationEntity | null): OperationEntity =>
  visible(caller, 'rollback', id, row && KINDS.includes(row.kind) ? row : null);

/** @throws {NotFoundError} also for a restore point of another instance: this one can't become that one */
async function targetOf(tx: CatalogTx, instanceId: InstanceId, target: CreateRollback): Promise<RestorePointEntity> {
  if ('at' in target) {
    const point = await tx.restorePoints.newestNotAfter(instanceId, new Date(target.at));
    if (!point) throw new NotFoundError('restore_point', target.at);
    return point;
  }
  const point = await tx.restorePoints.lock(target.snapshotUid);
  if (point?.instanceId !== instanceId) throw new NotFoundError('restore_point', target.snapshotUid);
  return point;
}
