import { Injectable } from '@nestjs/common';
import { Catalog, operationView, snapshotView } from '@varve/catalog';
import type { CatalogTx, InstanceEntity, RestorePointEntity } from '@varve/catalog';
import type {
  CreateSnapshot,
  OperationView,
  Page,
  RestorePointQuery,
  SnapshotQuery,
  SnapshotView,
  TakeSnapshot,
} from '@varve/contracts';
import { ConflictError, OperationRunningError, SnapshotNeededError } from '@varve/core';
import type { InstanceId, LayerUid, SnapshotUid } from '@varve/core';
import { Admission } from '../admission.js';
import { visible } from '../http/caller.js';
import type { Caller } from '../http/caller.js';
import { acceptOnce } from '../http/idempotency.js';

@Injectable()
export class SnapshotsService {
  constructor(
    private readonly catalog: Catalog,
    private readonly admission: Admission,
  ) {}

  /** The request, the promise of a restore point and the job commit together: a crash leaves all of them or none. */
  async request(caller: Caller, instanceId: InstanceId, body: CreateSnapshot): Promise<SnapshotView> {
    return this.catalog.transaction((tx) =>
      acceptOnce(tx, caller, 202, async () => {
        const instance = await this.admission.hold(tx, caller, instanceId);
        await this.admission.assertSnapshottable(tx, instance);

        const uid = crypto.randomUUID() as SnapshotUid;
        const layerUid = crypto.randomUUID() as LayerUid;
        const operation = await tx.operations.start({
          ...(await this.admission.operationOn(tx, caller, instance)),
          kind: 'snapshot',
          snapshotUid: uid,
          layerUid,
        });
        const { projectId } = instance;
        const name = body.name ?? null;
        const point = await tx.restorePoints.reserve({ uid, instanceId, projectId, name, operationId: operation.id });
        const job: TakeSnapshot = {
          type: 'snapshot.take',
          ...(await this.admission.envelopeOf(tx, operation)),
          snapshotUid: uid,
          layerUid,
          quiesce: body.quiesce,
        };
        await this.admission.send(tx, instance.host, operation.id, job);
        return snapshotView(point, undefined);
      }),
    );
  }

  async list(caller: Caller, instanceId: InstanceId, query: SnapshotQuery): Promise<Page<SnapshotView>> {
    return this.catalog.read(async (tx) => {
      visible(caller, 'instance', instanceId, await tx.instances.find(instanceId));
      return toPage(tx, await tx.restorePoints.page(instanceId, query.status, query));
    });
  }

  async restorePoints(caller: Caller, instanceId: InstanceId, query: RestorePointQuery): Promise<Page<SnapshotView>> {
    return this.catalog.read(async (tx) => {
      visible(caller, 'instance', instanceId, await tx.instances.find(instanceId));
      return toPage(tx, await tx.restorePoints.availablePage(instanceId, query, query));
    });
  }

  async show(caller: Caller, uid: SnapshotUid): Promise<SnapshotView> {
    return this.catalog.read(async (tx) => {
      const point = visible(caller, 'snapshot', uid, await tx.restorePoints.find(uid));
      return viewOf(tx, point);
    });
  }

  /**
   * Takes a snapshot back that no other one stands on. What failed is simply gone; the rest is done by the conductor.
   *
   * @throws {SnapshotNeededError} another restore point is an increment on it
   */
  async delete(caller: Caller, uid: SnapshotUid): Promise<OperationView> {
    return this.catalog.transaction(async (tx) => {
      const { instanceId } = visible(caller, 'snapshot', uid, await tx.restorePoints.find(uid));
      const instance = await this.admission.hold(tx, caller, instanceId);
      // Looked at again, now that nobody else can change it.
      const point = visible(caller, 'snapshot', uid, await tx.restorePoints.lock(uid));
      if (point.status === 'deleting') return this.runningDelete(tx, point);
      return acceptOnce(tx, caller, 202, () => this.startDelete(tx, caller, instance, point));
    });
  }

  private async startDelete(
    tx: CatalogTx,
    caller: Caller,
    instance: InstanceEntity,
    point: RestorePointEntity,
  ): Promise<OperationView> {
    const { uid, layerUid } = point;
    if (point.status === 'error') {
      const ended = await tx.operations.recordDone({
        ...(await this.admission.operationOn(tx, caller, instance)),
        kind: 'delete',
        snapshotUid: uid,
      });
      await tx.restorePoints.remove(uid);
      return operationView(ended);
    }
    await tx.operations.assertIdle(instance.id);
    if (point.status !== 'available' || layerUid === null) {
      throw new ConflictError(`Snapshot ${uid} is ${point.status}`, { snapshotUid: uid, status: point.status });
    }
    const neededBy = await tx.layers.neededBy(layerUid, uid);
    if (neededBy !== null) throw new SnapshotNeededError(uid, neededBy);

    const operation = await tx.operations.start({
      ...(await this.admission.operationOn(tx, caller, instance)),
      kind: 'delete',
      snapshotUid: uid,
      phase: 'finishing',
      pastNoReturn: true, // over in a moment: there is nothing to cancel
    });
    await tx.restorePoints.update(uid, { status: 'deleting' });
    return operationView(operation);
  }

  /** Asked for twice, it is deleted once. */
  private async runningDelete(tx: CatalogTx, { uid, instanceId }: RestorePointEntity): Promise<OperationView> {
    const active = await tx.operations.activeOn(instanceId);
    if (active?.kind === 'delete' && active.snapshotUid === uid) return operationView(active);
    throw new OperationRunningError(instanceId, active?.id ?? 'unknown');
  }
}

async function viewOf(tx: CatalogTx, point: RestorePointEntity): Promise<SnapshotView> {
  const layers = await tx.layers.byUid(point.layerUid === null ? [] : [point.layerUid]);
  return snapshotView(point, point.layerUid === null ? undefined : layers.get(point.layerUid));
}

async function toPage(
  tx: CatalogTx,
  { rows, nextMarker }: { rows: RestorePointEntity[]; nextMarker: string | null },
): Promise<Page<SnapshotView>> {
  const layers = await tx.layers.byUid(rows.flatMap(({ layerUid }) => layerUid ?? []));
  return {
    items: rows.map((row) => snapshotView(row, row.layerUid === null ? undefined : layers.get(row.layerUid))),
    nextMarker,
  };
}
