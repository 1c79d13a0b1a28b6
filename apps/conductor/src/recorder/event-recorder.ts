import { setTimeout as sleep } from 'node:timers/promises';
import type { OnApplicationBootstrap, BeforeApplicationShutdown } from '@nestjs/common';
import { Inject, Injectable } from '@nestjs/common';
import { Catalog } from '@varve/catalog';
import type { Log } from '@varve/catalog';
import { CATALOG_QUEUE, VarveEvent } from '@varve/contracts';
import { ServiceUnavailableError } from '@varve/core';
import { Broker, MessageUnusableError } from '@varve/messaging';
import type { Consumer, Delivery } from '@varve/messaging';
import { Metrics } from '../system/metrics.js';
import { LOG } from '../tokens.js';
import { recordChain, recordHeartbeat, recordOperationEvent, UnknownOperationError } from './record.js';

const PREFETCH = 32;

/** Takes the hosts' events into the catalog, each in one transaction, acknowledged when it has committed. */
@Injectable()
export class EventRecorder implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private consumer: Consumer | null = null;
  private readonly stopping = new AbortController();

  constructor(
    private readonly catalog: Catalog,
    private readonly broker: Broker,
    private readonly metrics: Metrics,
    @Inject(LOG) private readonly log: Log,
  ) {}

  onApplicationBootstrap(): void {
    this.consumer = this.broker.consume(CATALOG_QUEUE, (delivery) => this.handle(delivery), {
      prefetch: PREFETCH,
      inOrderOf: subjectOf,
    });
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await this.consumer?.close();
  }

  private async handle(delivery: Delivery): Promise<void> {
    const event = delivery.parse(VarveEvent);
    await this.whenAvailable(delivery, () => this.record(event));
    this.metrics.recorded.inc({ type: event.type });
  }

  /**
   * While the database is away the event stays with us. Given back, it would come again at once, and be counted by the
   * broker until it is a dead letter.
   */
  private async whenAvailable(delivery: Delivery, work: () => Promise<void>): Promise<void> {
    const signal = AbortSignal.any([delivery.signal, this.stopping.signal]);
    for (let wait = 100; ; wait = Math.min(wait * 2, 5_000)) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof ServiceUnavailableError) || signal.aborted) throw error;
        this.log.debug({ err: error, messageId: delivery.messageId }, 'an event has to wait');
        await sleep(wait, undefined, { signal });
      }
    }
  }

  private async record(event: VarveEvent): Promise<void> {
    try {
      if (event.type === 'instance.chain') {
        await this.catalog.transaction((tx) => recordChain(tx, event));
        return;
      }
      if (event.type !== 'host.heartbeat') {
        await this.catalog.transaction((tx) => recordOperationEvent(tx, event));
        return;
      }
      const notTheirs = await this.catalog.transaction((tx) => recordHeartbeat(tx, event));
      if (notTheirs.length > 0) {
        this.log.warn(
          { host: event.data.host, instances: notTheirs },
          'a host reports instances that belong to another host or project',
        );
      }
    } catch (error) {
      if (error instanceof UnknownOperationError) throw new MessageUnusableError(error.message, { cause: error });
      throw error;
    }
  }
}

/** What is about one instance, or one host's heartbeat, is recorded in the order in which it was said. */
function subjectOf(delivery: Delivery): string | null {
  try {
    const { subject } = delivery.json() as { subject?: unknown };
    return typeof subject === 'string' ? subject : null;
  } catch {
    return null; // not JSON: the handler says so
  }
}
