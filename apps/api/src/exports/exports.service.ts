import { Injectable } from '@nestjs/common';
import { Catalog, operationView } from '@varve/catalog';
import type { CreateExport, ExportPoint, OperationView } from '@varve/contracts';
import type { SnapshotUid } from '@varve/core';
import { Admission } from '../admission.js';
import { visible } from '../http/caller.js';
import type { Caller } from '../http/caller.js';
import { acceptOnce } from '../http/idempotency.js';
import { assertAvailable, wholeLineage } from '../snapshots/whole-lineage.js';

/** Makes images of the cloud of restore points, for a new instance to be booted from. */
@Injectable()
export class ExportsService {
  constructor(
    private readonly catalog: Catalog,
    private readonly admission: Admission,
  ) {}

  /** The instance may be in any state, and may be gone: what is exported is in the store. */
  async request(caller: Caller, uid: SnapshotUid, image: CreateExport): Promise<OperationView> {
    return this.catalog.transaction((tx) =>
      acceptOnce(tx, caller, 202, async () => {
        const { instanceId } = visible(caller, 'snapshot', uid, await tx.restorePoints.find(uid));
        const instance = await this.admission.hold(tx, caller, instanceId);
        await this.admission.assertFree(tx, instance);
        // Looked at again, now that nobody else can change it.
        const point = visible(caller, 'snapshot', uid, await tx.restorePoints.lock(uid));
        assertAvailable(point);
        const operation = await tx.operations.start({
          ...(await this.admission.operationOn(tx, caller, instance)),
          kind: 'export',
          snapshotUid: uid,
        });
        const head = instance.headLayerUid;
        const job: ExportPoint = {
          type: 'point.export',
          ...(await this.admission.envelopeOf(tx, operation)),
          snapshotUid: uid,
          lineage: await wholeLineage(tx, point.layerUid),
          currentLineage: head === null ? [] : await tx.layers.lineage(head),
          takenAt: (point.sealedAt ?? point.createdAt).toISOString(),
          image,
        };
        await this.admission.send(tx, instance.host, operation.id, job);
        return operationView(operation);
      }),
    );
  }
}
