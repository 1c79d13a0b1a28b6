import { Inject, Injectable } from '@nestjs/common';
import { obstacleOf } from '@varve/catalog';
import type { CatalogTx, InstanceEntity, NewOperation } from '@varve/catalog';
import { JOBS_EXCHANGE } from '@varve/contracts';
import type { Job } from '@varve/contracts';
import { ConflictError, HostUnavailableError, InstanceNotReadyError, ReportedError } from '@varve/core';
import type { HostName, InstanceId, OperationId } from '@varve/core';
import type { ApiConfig } from './config.js';
import { visible } from './http/caller.js';
import type { Caller } from './http/caller.js';
import { CONFIG } from './tokens.js';

/** What all work on an instance has to pass before it is taken on. */
@Injectable()
export class Admission {
  constructor(@Inject(CONFIG) private readonly config: Pick<ApiConfig, 'hostDownAfterS'>) {}

  /**
   * The instance, held until the transaction ends.
   *
   * @throws {NotFoundError}
   */
  async hold(tx: CatalogTx, caller: Caller, id: InstanceId): Promise<InstanceEntity> {
    return visible(caller, 'instance', id, await tx.instances.lock(id));
  }

  /**
   * @throws {OperationRunningError} so that the answer names what to wait for, even when the host is away as well
   * @throws {ReportedError} Nova has it in a state that forbids it
   * @throws {HostUnavailableError} its host has not been heard of for a while
   * @throws {ConflictError} its host is there and no longer has it
   */
  async assertReachable(tx: CatalogTx, instance: InstanceEntity, work: 'any' | 'repair' = 'any'): Promise<void> {
    await tx.operations.assertIdle(instance.id);
    const known = await tx.compute.find(instance.id);
    const obstacle = obstacleOf(known, instance.host, work);
    if (obstacle) throw new ReportedError(obstacle);
    await this.assertHostUp(tx, instance);
    // While Nova rebuilds or moves it, its host has none for some seconds.
    if (instance.state === 'unknown' && known) {
      throw new InstanceNotReadyError(
        'instance_moving',
        `Host ${instance.host} has not reported instance ${instance.id} yet`,
        {
          instanceId: instance.id,
          host: instance.host,
        },
      );
    }
    if (instance.state === 'unknown') {
      throw new ConflictError(`Host ${instance.host} no longer reports instance ${instance.id}`, {
        instanceId: instance.id,
        host: instance.host,
      });
    }
  }

  /**
   * @throws {ReportedError} no snapshot can be taken of its disk; and as {@link assertReachable}
   */
  async assertSnapshottable(tx: CatalogTx, instance: InstanceEntity): Promise<void> {
    await this.assertReachable(tx, instance);
    // What was in the way of one look at the disk may be gone by now: the host will say.
    const { unsupported } = instance;
    if (unsupported && unsupported.remedy !== 'retry') throw new ReportedError(unsupported);
  }

  /**
   * For work on what is stored alone: it is all the same how the instance is, or whether there is one.
   *
   * @throws {OperationRunningError | HostUnavailableError} as above
   */
  async assertFree(tx: CatalogTx, instance: InstanceEntity): Promise<void> {
    await tx.operations.assertIdle(instance.id);
    await this.assertHostUp(tx, instance);
  }

  private async assertHostUp(tx: CatalogTx, { host }: InstanceEntity): Promise<void> {
    if (!(await tx.hosts.isUp(host, this.config.hostDownAfterS))) throw new HostUnavailableError(host);
  }

  /** What every new operation of an instance begins with; takes the instance's next epoch. */
  async operationOn(
    tx: CatalogTx,
    caller: Caller,
    instance: InstanceEntity,
  ): Promise<Omit<NewOperation, 'kind' | 'snapshotUid' | 'undoes'>> {
    return {
      id: crypto.randomUUID() as OperationId,
      instanceId: instance.id,
      projectId: instance.projectId,
      host: instance.host,
      epoch: await tx.instances.nextEpoch(instance.id),
      requestId: caller.requestId,
      userId: caller.principal.userId,
    };
  }

  /** What every job of an instance says. */
  async envelopeOf(tx: CatalogTx, operation: Pick<NewOperation, 'id' | 'instanceId' | 'projectId' | 'epoch'>) {
    const topLayerUid = await tx.instances.topOf(operation.instanceId);
    return {
      version: 1 as const,
      operationId: operation.id,
      instanceId: operation.instanceId,
      projectId: operation.projectId,
      epoch: operation.epoch,
      requestedAt: new Date().toISOString(),
      storedLayers: await tx.layers.storedUids(operation.instanceId),
      ...(topLayerUid !== undefined && { topLayerUid }),
    };
  }

  /** The job goes out when the transaction has committed, and only then. */
  send(tx: CatalogTx, host: HostName, messageId: string, job: Job): Promise<void> {
    return tx.outbox.add({ exchange: JOBS_EXCHANGE, routingKey: host, messageId, body: job });
  }
}
