import type { EventData, EventType, Job, VarveEvent } from '@varve/contracts';
import { EVENTS_EXCHANGE, Job as JobSchema, jobsQueueOf, VarveEvent as VarveEventSchema } from '@varve/contracts';
import type { HostName, InstanceId, LayerUid, OperationId, ProjectId, SnapshotUid } from '@varve/core';
import { connectBroker } from '@varve/messaging';
import type { Broker, Publisher } from '@varve/messaging';
import { silent } from './silent.js';

type DiskJob = Exclude<Job, { type: 'operation.cancel' }>;
type SnapshotJob = Extract<Job, { type: 'snapshot.take' }>;
export type ReportedInstance = EventData<'host.heartbeat'>['instances'][number];

export const newInstance = (projectId: string, more: Partial<ReportedInstance> = {}): ReportedInstance => ({
  id: crypto.randomUUID() as InstanceId,
  projectId: projectId as ProjectId,
  name: 'an instance',
  state: 'running',
  virtualSizeBytes: 1 << 30,
  chainLength: 1,
  unsupported: null,
  ...more,
});

/** Says what a real worker would say, and touches no disk. */
export class FakeWorker {
  readonly jobs: Job[] = [];
  readonly messageIds: string[] = [];
  /** Does what a job asks for as soon as it comes. */
  automatic = false;
  private readonly startedAt = new Date().toISOString();
  private head = new Map<InstanceId, LayerUid | null>();
  private sent = 0;

  private constructor(
    readonly host: HostName,
    readonly instances: ReportedInstance[],
    private readonly broker: Broker,
    private readonly publisher: Publisher,
  ) {}

  static async start(amqpUrl: string, host: string, instances: ReportedInstance[]): Promise<FakeWorker> {
    const broker = await connectBroker(amqpUrl, silent);
    await broker.waitForConnect(30_000);
    const worker = new FakeWorker(host as HostName, instances, broker, broker.publisher());
    await broker.declareHostQueue(worker.host);
    broker.consume(
      jobsQueueOf(worker.host),
      async (delivery) => {
        const job = delivery.parse(JobSchema);
        if (!worker.messageIds.includes(delivery.messageId)) worker.jobs.push(job);
        worker.messageIds.push(delivery.messageId);
        delivery.ack();
        if (worker.automatic) await worker.perform(job);
      },
      { prefetch: 8 },
    );
    return worker;
  }

  close(): Promise<void> {
    return this.broker.close();
  }

  async heartbeat(instances: readonly ReportedInstance[] = this.instances): Promise<void> {
    await this.tell('host.heartbeat', this.host, {
      host: this.host,
      version: '0.1.0',
      startedAt: this.startedAt,
      versions: { qemu: '7.2' },
      freeBytes: 1e9,
      openJournals: 0,
      instances: [...instances],
    });
  }

  jobFor(operationId: string): DiskJob | undefined {
    return this.jobs.find((job): job is DiskJob => job.operationId === operationId && job.type !== 'operation.cancel');
  }

  async perform(job: Job): Promise<void> {
    if (job.type === 'operation.cancel') return;
    for (const event of this.eventsOf(job)) await this.publish(event);
  }

  /** What a worker says about a job that succeeds, in order. */
  eventsOf(job: DiskJob, outcome: 'succeeded' | 'failed' = 'succeeded'): VarveEvent[] {
    const { operationId, instanceId } = job;
    const of = { operationId, instanceId };
    const events = [this.event('operation.accepted', instanceId, { ...of, epoch: job.epoch })];
    const progress = (doneBytes: number, phase: 'uploading' | 'fetching', pastNoReturn: boolean): void => {
      events.push(
        this.event('operation.progress', instanceId, { ...of, phase, doneBytes, totalBytes: 1000, pastNoReturn }),
      );
    };
    const problem = { code: 'store_unavailable', remedy: 'retry' as const, message: 'away', facts: {} };
    if (job.type === 'snapshot.take') {
      events.push(
        this.event('snapshot.sealed', instanceId, {
          ...of,
          snapshotUid: job.snapshotUid,
          sealedAt: new Date(Date.now() + this.sent).toISOString(),
          stallMs: 1.5,
          consistency: 'crash',
          powerState: 'running',
        }),
      );
      progress(500, 'uploading', false);
      progress(1000, 'uploading', true);
      const { snapshotUid } = job;
      events.push(
        outcome === 'succeeded'
          ? this.event('snapshot.available', instanceId, {
              ...of,
              snapshotUid,
              layer: this.layerOf(job),
              healed: false,
            })
          : this.event('snapshot.failed', instanceId, { ...of, snapshotUid, problem }),
      );
      if (outcome === 'succeeded') this.head.set(instanceId, job.layerUid);
    } else {
      progress(1000, 'fetching', true);
      const done = { ...of, fetchedBytes: 100, localBytes: 200, downtimeMs: 30 };
      events.push(
        outcome === 'succeeded'
          ? this.event('rollback.completed', instanceId, done)
          : this.event('rollback.failed', instanceId, { ...of, problem }),
      );
      if (job.type === 'rollback.run' && outcome === 'succeeded') {
        this.head.set(instanceId, job.lineage.at(-1)?.uid ?? null);
      }
    }
    events.push(
      this.event('operation.finished', instanceId, {
        ...of,
        state: outcome,
        problem: outcome === 'succeeded' ? null : problem,
        chainLength: 2,
        headLayerUid: this.head.get(instanceId) ?? null,
        merges: [{ strategy: 'copy', seconds: 0.5 }],
      }),
    );
    return events;
  }

  private layerOf(job: SnapshotJob): EventData<'snapshot.available'>['layer'] {
    const { instanceId, projectId, layerUid } = job;
    const key = `${projectId}/${instanceId}/layers/${layerUid}`;
    return {
      uid: layerUid,
      backingUid: this.head.get(instanceId) ?? null,
      baseSha256: this.head.get(instanceId) ? null : 'b'.repeat(64),
      objectKey: `${key}.qcow2.zst`,
      manifestKey: `${key}.json`,
      manifestSha256: 'a'.repeat(64),
      sha256: 'c'.repeat(64),
      objectBytes: 900,
      fileBytes: 4096,
      changedBytes: 1000,
      virtualSizeBytes: 1 << 30,
    };
  }

  event<Type extends EventType>(type: Type, subject: string, data: EventData<Type>): VarveEvent {
    return VarveEventSchema.parse({
      specversion: '1.0',
      id: crypto.randomUUID(),
      source: `/varve/hosts/${this.host}`,
      type,
      subject,
      // Two events of one millisecond would have no order.
      time: new Date(Date.now() + this.sent++).toISOString(),
      datacontenttype: 'application/json',
      data,
    });
  }

  async tell<Type extends EventType>(type: Type, subject: string, data: EventData<Type>): Promise<void> {
    await this.publish(this.event(type, subject, data));
  }

  publish(event: VarveEvent): Promise<void> {
    return this.publisher.publishEvent(event, { timeoutMs: 30_000 });
  }

  publishRaw(body: unknown, messageId: string): Promise<void> {
    return this.publisher.publish(EVENTS_EXCHANGE, 'operation.progress', body, { messageId });
  }
}

export type { DiskJob, OperationId, SnapshotUid };
