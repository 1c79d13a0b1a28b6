import { Injectable } from '@nestjs/common';
import { Catalog, isOver, lockOperation, operationView, settle, stepsView } from '@varve/catalog';
import type { OperationEntity } from '@varve/catalog';
import type { OperationQuery, OperationView, Page, StepsView } from '@varve/contracts';
import { OperationKind } from '@varve/contracts';
import { ConflictError, PastPointOfNoReturnError } from '@varve/core';
import type { OperationId } from '@varve/core';
import { Admission } from '../admission.js';
import { scopeOf, visible } from '../http/caller.js';
import type { Caller } from '../http/caller.js';
import { acceptOnce } from '../http/idempotency.js';

@Injectable()
export class OperationsService {
  constructor(
    private readonly catalog: Catalog,
    private readonly admission: Admission,
  ) {}

  async list(caller: Caller, query: OperationQuery): Promise<Page<OperationView>> {
    return this.catalog.read(async (tx) => {
      const { instanceId: instance, state, host, active, kind } = query;
      const of = { project: scopeOf(caller), instance, state, host, active };
      const kinds = kind === undefined ? OperationKind.options : [kind];
      const { rows, nextMarker } = await tx.operations.page(of, kinds, query);
      return { items: rows.map(operationView), nextMarker };
    });
  }

  async show(caller: Caller, id: OperationId): Promise<OperationView> {
    return this.catalog.read(async (tx) =>
      operationView(visible(caller, 'operation', id, await tx.operations.find(id))),
    );
  }

  async steps(caller: Caller, id: OperationId): Promise<StepsView> {
    return this.catalog.read(async (tx) => {
      const operation = visible(caller, 'operation', id, await tx.operations.find(id));
      return stepsView(operation, await tx.steps.of(id));
    });
  }

  /**
   * What has not left the control plane is over at once. Else its host is asked, and the operation's end says whether
   * that came in time.
   *
   * @throws {PastPointOfNoReturnError}
   */
  async cancel(caller: Caller, id: OperationId): Promise<OperationView> {
    return this.catalog.transaction((tx) =>
      acceptOnce(tx, caller, 202, async () => {
        const operation = visible(caller, 'operation', id, await lockOperation(tx, id));
        assertCancellable(operation);
        if (isOver(operation) || operation.cancelRequested) return operationView(operation);

        await tx.operations.update(id, { cancelRequested: true });
        if (operation.state === 'queued' && (await tx.outbox.withdraw(id))) {
          await settle(tx, operation, { state: 'cancelled', problem: null, settledBy: 'control', at: new Date() });
        } else {
          const { instanceId } = operation;
          await this.admission.send(tx, operation.host, `${id}:cancel`, {
            type: 'operation.cancel',
            version: 1,
            operationId: id,
            instanceId,
          });
        }
        return operationView((await tx.operations.find(id)) ?? operation);
      }),
    );
  }
}

/** Cancelling what is cancelled is done already. */
function assertCancellable(operation: OperationEntity): void {
  const { id, state } = operation;
  if (state === 'succeeded' || state === 'failed') {
    throw new ConflictError(`Operation ${id} has ended: it ${state}`, { operationId: id, state });
  }
  if (!isOver(operation) && operation.pastNoReturn) throw new PastPointOfNoReturnError(id);
}
