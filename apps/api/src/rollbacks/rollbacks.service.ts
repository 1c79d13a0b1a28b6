import { Injectable } from '@nestjs/common';
import { Catalog, rollbackView } from '@varve/catalog';
import type { CatalogTx, OperationEntity, RestorePointEntity } from '@varve/catalog';
import type { CreateRollback, Page, PageQuery, RollbackView, RunRollback, UndoRollback } from '@varve/contracts';
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
        const rollback = visibleRollback(caller, rollbackId, await tx.operations.find(rollbackId));
        const instance = await this.admission.hold(tx, caller, rollback.instanceId);
        await this.admission.assertReachable(tx, instance);
        const latest = await tx.operations.latestRollback(instance.id);
        if (latest?.id !== rollbackId) {
          throw new ConflictError(`What rollback ${rollbackId} replaced is not kept any more`, {
            rollbackId,
            state: rollback.state,
            ...(latest && { latest: latest.id }),
          });
        }
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

  async list(caller: Caller, instanceId: InstanceId, query: PageQuery): Promise<Page<RollbackView>> {
    return this.catalog.read(async (tx) => {
      visible(caller, 'instance', instanceId, await tx.instances.find(instanceId));
      const { rows, nextMarker } = await tx.operations.page({ instance: instanceId }, KINDS, query);
      const latest = await tx.operations.latestRollback(instanceId);
      return { items: rows.map((row) => rollbackView(row, latest)), nextMarker };
    });
  }

  async show(caller: Caller, id: OperationId): Promise<RollbackView> {
    return this.catalog.read(async (tx) => {
      const operation = visibleRollback(caller, id, await tx.operations.find(id));
      return rollbackView(operation, await tx.operations.latestRollback(operation.instanceId));
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
