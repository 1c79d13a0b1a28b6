import { Job, JobHeader } from '@varve/contracts';
import { JobOutdatedError, JobUnusableError, NotFoundError, problemOf } from '@varve/core';
import type { InstanceId, OperationId } from '@varve/core';
import type { Hypervisor } from '@varve/ports';
import { isClosed } from '@varve/procedures';
import pRetry from 'p-retry';
import type { Options as RetryOptions } from 'p-retry';
import type { Logger } from 'pino';
import type { DiskJob } from './procedures.js';
import { headFor } from './procedures.js';
import type { Reporter } from './reporter.js';
import type { GoneInstances, Workplace } from './workplace.js';

/** One message from the host's queue. */
export interface JobDelivery {
  json(): unknown;
  ack(): void;
  /** Sends it to the dead letters. */
  reject(reason: string): void;
}

/**
 * Takes jobs over from the broker. A job is acknowledged when its journal is on the disk, not when its work is done:
 * RabbitMQ closes a channel that holds a delivery for 30 minutes, and the work is bound to this host anyway.
 */
export class JobsConsumer {
  private readonly accepting = new Map<OperationId, Promise<void>>();

  constructor(
    private readonly hypervisor: Hypervisor,
    private readonly here: Workplace,
    private readonly gone: GoneInstances,
    private readonly reporter: Reporter,
    private readonly log: Logger,
    // A look at a hung libvirt takes its own deadline; jobs of other instances wait behind it.
    private readonly patience: RetryOptions = { retries: 5, minTimeout: 500, maxRetryTime: 30_000 },
  ) {}

  /** @throws when the broker could not be told: the message is then delivered again */
  async handle(delivery: JobDelivery): Promise<void> {
    const parsed = Job.safeParse(delivery.json());
    if (!parsed.success) return this.refuseUnreadable(delivery, parsed.error.message);
    const job = parsed.data;
    if (job.type === 'operation.cancel') await this.cancel(job.operationId);
    else await this.takeOver(job);
    delivery.ack();
  }

  /** A job that comes again while it is still being looked at finds, after that, what became of it. */
  private async takeOver(job: DiskJob): Promise<void> {
    const { operationId } = job;
    const before = this.accepting.get(operationId) ?? Promise.resolve();
    const accepted = Promise.allSettled([before]).then(() => this.accept(job));
    this.accepting.set(operationId, accepted);
    try {
      await accepted;
    } finally {
      if (this.accepting.get(operationId) === accepted) this.accepting.delete(operationId);
    }
  }

  /** What cancels a job may be handled at the same time as the job itself; it has to come second. */
  private async cancel(operation: OperationId): Promise<void> {
    // Whoever delivered the job hears of what went wrong with it.
    await Promise.allSettled([this.accepting.get(operation)]);
    for (const { runner } of [this.here, this.gone]) runner.cancel(operation);
  }

  private async accept(job: DiskJob): Promise<void> {
    for (const { journals, runner } of [this.here, this.gone]) {
      const known = await journals.find(job.instanceId, job.operationId);
      if (!known) continue;
      this.log.info({ operation: job.operationId }, 'this job came before');
      if (!isClosed(known)) runner.enqueue(known);
      return;
    }
    let place: Workplace | null;
    try {
      place = await pRetry(() => this.placeFor(job), this.patience);
    } catch (error) {
      // Put aside as a dead letter, nobody would hear of it, and the operation would wait for ever.
      return this.refuse(job, error);
    }
    if (!place) return this.refuse(job, new NotFoundError('instance on this host', job.instanceId));
    const { journals, runner } = place;
    const seen = await journals.latestEpoch(job.instanceId);
    if (job.epoch <= seen) return this.refuse(job, new JobOutdatedError(job.epoch, seen));
    try {
      runner.enqueue(await journals.create(job.instanceId, headFor(job, new Date())));
    } catch (error) {
      // No room for a journal: nothing was begun, and the next request may find room.
      await this.refuse(job, error);
    }
  }

  /** @returns `null`: there is nothing here to do it with */
  private async placeFor({ instanceId, type }: DiskJob): Promise<Workplace | null> {
    if (await this.hypervisor.find(instanceId)) return this.here;
    // What is stored outlives the instance.
    return type === 'point.export' ? this.gone.placeFor(instanceId) : null;
  }

  /** What can still be read of it is enough to tell the catalog; the message itself is kept for an operator. */
  private async refuseUnreadable(delivery: JobDelivery, reason: string): Promise<void> {
    const header = JobHeader.safeParse(delivery.json());
    if (header.success) {
      const { type, version } = header.data;
      const error = new JobUnusableError(`This worker can't read jobs of type ${type}, version ${version}`, { reason });
      await this.refuse(header.data, error);
    }
    delivery.reject(reason);
  }

  private async refuse(job: { operationId: OperationId; instanceId: InstanceId }, error: unknown): Promise<void> {
    const { operationId, instanceId } = job;
    this.log.warn({ operation: operationId, err: error }, 'job refused');
    await this.reporter.publish(`${operationId}:operation.finished`, 'operation.finished', instanceId, {
      operationId,
      instanceId,
      state: 'failed',
      problem: problemOf(error),
      chainLength: null,
    });
  }
}
