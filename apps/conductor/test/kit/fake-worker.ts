import type { EventData, EventType, Job, VarveEvent } from '@varve/contracts';
import { EVENTS_EXCHANGE, Job as JobSchema, jobsQueueOf } from '@varve/contracts';
import type { HostName, InstanceId, LayerUid, ProjectId } from '@varve/core';
import { connectBroker } from '@varve/messaging';
import type { Broker, Publisher } from '@varve/messaging';
import { eventAt, eventsOf } from './events.js';
import type { DiskJob } from './events.js';
import { silent } from './silent.js';

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
        const isFirst = !worker.messageIds.includes(delivery.messageId);
        worker.messageIds.push(delivery.messageId);
        if (isFirst) worker.jobs.push(job);
        delivery.ack();
        if (worker.automatic && isFirst) await worker.perform(job);
      },
      { prefetch: 8 },
    );
    return worker;
  }

  close(): Promise<void> {
    return this.broker.close();
  }

  async heartbeat(
    instances: readonly ReportedInstance[] = this.instances,
    more: Partial<EventData<'host.heartbeat'>> = {},
  ): Promise<void> {
    await this.tell('host.heartbeat', this.host, {
      host: this.host,
      version: '0.1.0',
      startedAt: this.startedAt,
      versions: { qemu: '7.2' },
      freeBytes: 1e9,
      openJournals: 0,
      instances: [...instances],
      ...more,
    });
  }

  jobFor(operationId: string): DiskJob | undefined {
    return this.jobs.find((job): job is DiskJob => job.operationId === operationId && job.type !== 'operation.cancel');
  }

  async perform(job: Job): Promise<void> {
    if (job.type === 'operation.cancel') return;
    for (const event of this.eventsOf(job)) await this.publish(event);
  }

  /** What a worker says about a job, in order. */
  eventsOf(job: DiskJob, outcome: 'succeeded' | 'failed' = 'succeeded'): VarveEvent[] {
    const backing = this.head.get(job.instanceId) ?? null;
    const events = eventsOf(job, { atMs: this.now(), outcome, backing, host: this.host });
    const end = events.at(-1);
    if (end?.type === 'operation.finished' && end.data.headLayerUid !== undefined) {
      this.head.set(job.instanceId, end.data.headLayerUid);
    }
    return events;
  }

  /** Never the same twice. */
  private now(): number {
    return Date.now() + this.sent++;
  }

  event<Type extends EventType>(type: Type, subject: string, data: EventData<Type>): VarveEvent {
    const time = new Date(this.now()).toISOString();
    return eventAt(this.host, crypto.randomUUID(), time, type, subject, data);
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
