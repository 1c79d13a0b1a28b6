import { Injectable } from '@nestjs/common';
import { Catalog, operationView } from '@varve/catalog';
import type { OperationView, RepairDisk, RepairInstance } from '@varve/contracts';
import type { InstanceId } from '@varve/core';
import { Admission } from '../admission.js';
import type { Caller } from '../http/caller.js';
import { acceptOnce } from '../http/idempotency.js';

/** For an instance that was moved or resized with layers, and whose disk came without them. */
@Injectable()
export class RepairService {
  constructor(
    private readonly catalog: Catalog,
    private readonly admission: Admission,
  ) {}

  async request(caller: Caller, instanceId: InstanceId, { acceptDisk }: RepairInstance): Promise<OperationView> {
    return this.catalog.transaction((tx) =>
      acceptOnce(tx, caller, 202, async () => {
        const instance = await this.admission.hold(tx, caller, instanceId);
        await this.admission.assertReachable(tx, instance, 'repair');
        const operation = await tx.operations.start({
          ...(await this.admission.operationOn(tx, caller, instance)),
          kind: 'repair',
        });
        const envelope = await this.admission.envelopeOf(tx, operation);
        const top = envelope.topLayerUid ?? null;
        const lineage = top === null ? [] : await tx.layers.lineage(top);
        const job: RepairDisk = { type: 'disk.repair', ...envelope, lineage, acceptDisk };
        await this.admission.send(tx, instance.host, operation.id, job);
        return operationView(operation);
      }),
    );
  }
}
