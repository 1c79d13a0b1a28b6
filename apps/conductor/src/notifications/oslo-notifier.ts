import { setTimeout as sleep } from 'node:timers/promises';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import { Inject, Injectable } from '@nestjs/common';
import { Catalog } from '@varve/catalog';
import type { Log } from '@varve/catalog';
import { EVENTS_EXCHANGE, VarveEvent } from '@varve/contracts';
import { ServiceUnavailableError } from '@varve/core';
import { Consumer } from '@varve/messaging';
import type { Delivery } from '@varve/messaging';
import { connect } from 'amqplib';
import type { Channel, RecoveringChannelModel } from 'amqplib';
import type { ConductorConfig } from '../config.js';
import { CONFIG, LOG } from '../tokens.js';
import { isToldOf, osloBody, osloNotificationOf } from './oslo-message.js';
import type { OsloNotification } from './oslo-message.js';
import { OsloPublisher } from './oslo-publisher.js';

export interface OsloSettings {
  /** Of the broker and vhost that the listeners are on; `amqp://user:password@host:port/vhost` */
  readonly amqpUrl: string;
  /** `control_exchange`, as the listeners have it. */
  readonly exchange: string;
  readonly topic: string;
}

/** What waits to be told; also while no conductor runs. */
const QUEUE = 'varve.oslo';
/** What is older than this is no news. */
const KEPT_MS = 24 * 3_600_000;
const PREFETCH = 16;

/** Tells of snapshots, rollbacks and exports in OpenStack's way, beside our own events: from a copy of those. */
@Injectable()
export class OsloNotifier implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private consumer: Consumer | null = null;
  private connection: RecoveringChannelModel | null = null;
  private publisher: OsloPublisher | null = null;
  private readonly stopping = new AbortController();

  constructor(
    private readonly catalog: Catalog,
    @Inject(CONFIG) private readonly config: Pick<ConductorConfig, 'oslo' | 'amqpUrl'>,
    @Inject(LOG) private readonly log: Log,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const { oslo, amqpUrl } = this.config;
    if (!oslo) return;
    this.publisher = await OsloPublisher.start(oslo, this.log);
    this.connection = await connect(amqpUrl, { timeout: 5_000, recovery: { waitForConnect: false, maxDelay: 2_000 } });
    // Each is followed by `disconnect`, and the connection comes back by itself; the recorder's says so in the log.
    this.connection.on('error', () => undefined);
    const options = { prefetch: PREFETCH, inOrderOf: subjectOf };
    this.consumer = new Consumer(this.connection, QUEUE, declare, (one) => this.handle(one), options, this.log);
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await this.consumer?.close();
    await this.connection?.close();
    await this.publisher?.close();
  }

  private async handle(delivery: Delivery): Promise<void> {
    const event = delivery.parse(VarveEvent);
    if (!isToldOf(event)) return;
    const signal = AbortSignal.any([delivery.signal, this.stopping.signal]);
    for (let wait = 100; ; wait = Math.min(wait * 2, 5_000)) {
      try {
        const notification = await this.describe(event);
        if (notification) await this.publisher?.publish(notification, osloBody(notification));
        return;
      } catch (error) {
        if (!(error instanceof ServiceUnavailableError) || signal.aborted) throw error;
        this.log.debug({ err: error }, 'a notification has to wait');
        await sleep(wait, undefined, { signal });
      }
    }
  }

  private describe(event: VarveEvent): Promise<OsloNotification | null> {
    if (event.type === 'host.heartbeat' || event.type === 'instance.chain') return Promise.resolve(null);
    const { operationId } = event.data;
    return this.catalog.read(async (tx) => {
      const operation = await tx.operations.find(operationId);
      // The recorder puts such an event among the dead letters; once is enough.
      if (!operation) return null;
      const point = operation.snapshotUid === null ? null : await tx.restorePoints.find(operation.snapshotUid);
      const instance = await tx.instances.find(operation.instanceId);
      return osloNotificationOf(event, { operation, point, instanceName: instance?.name ?? null });
    });
  }
}

async function declare(channel: Channel): Promise<void> {
  await channel.assertExchange(EVENTS_EXCHANGE, 'topic', { durable: true });
  // One conductor tells at a time, or an end might come before its start.
  const one = { 'x-queue-type': 'quorum', 'x-message-ttl': KEPT_MS, 'x-single-active-consumer': true };
  await channel.assertQueue(QUEUE, { durable: true, arguments: one });
  for (const key of ['operation.accepted', 'snapshot.*', 'rollback.*', 'export.*']) {
    await channel.bindQueue(QUEUE, EVENTS_EXCHANGE, key);
  }
}

/** Of one instance, the start is told before the end. */
function subjectOf(delivery: Delivery): string | null {
  try {
    const { subject } = delivery.json() as { subject?: unknown };
    return typeof subject === 'string' ? subject : null;
  } catch {
    return null; // not JSON: the handler says so
  }
}
