import { Injectable } from '@nestjs/common';
import { Catalog, operationView } from '@varve/catalog';
import type { OperationView, SettleDisk } from '@varve/contracts';
import type { InstanceId } from '@varve/core';
import { Admission } from '../admission.js';
import type { Caller } from '../http/caller.js';
import { acceptOnce } from '../http/idempotency.js';

/** Back to the shape in which whoever runs the instance can resize, migrate and image it. */
@Injectable()
export class SettleService {
  constructor(
    private readonly catalog: Catalog,
    private readonly admission: Admission,
  ) {}

  async request(caller: Caller, instanceId: InstanceId): Promise<OperationView> {
    return this.catalog.transaction((tx) =>
      acceptOnce(tx, caller, 202, async () => {
        const instance = await this.admission.hold(tx, caller, instanceId);
        await this.admission.assertReachable(tx, instance);
        const operation = await tx.operations.start({
          ...(await this.admission.operationOn(tx, caller, instance)),
          kind: 'settle',
        });
        const job: SettleDisk = { type: 'disk.settle', ...(await this.admission.envelopeOf(tx, operation)) };
        await this.admission.send(tx, instance.host, operation.id, job);
        return operationView(operation);
      }),
    );
  }
}
