import type { OnApplicationBootstrap, BeforeApplicationShutdown } from '@nestjs/common';
import { Inject, Injectable } from '@nestjs/common';
import { Catalog } from '@varve/catalog';
import type { Listener, Log, OutboxMessage } from '@varve/catalog';
import { JOBS_EXCHANGE } from '@varve/contracts';
import type { HostName } from '@varve/core';
import { ServiceUnavailableError } from '@varve/core';
import { Broker, UnroutableError } from '@varve/messaging';
import type { Publisher } from '@varve/messaging';
import { Repeated } from '../repeat.js';
import { Metrics } from '../system/metrics.js';
import { LOG } from '../tokens.js';

const BATCH = 100;
const EVERY_MS = 1_000;

/**
 * Publishes what is in the outbox, in order, and marks it when the broker has it. Dying in between publishes a message
 * once more; receivers know it by its id.
 *
 * One relay at a time: with two, a later message to a host could overtake an earlier one, such as a cancellation the job
 * that it is about.
 */
@Injectable()
export class OutboxRelay implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly publisher: Publisher;
  private listener: Listener | null = null;
  private loop: Repeated | null = null;
  private failing = false;

  constructor(
    private readonly catalog: Catalog,
    private readonly broker: Broker,
    private readonly metrics: Metrics,
    @Inject(LOG) private readonly log: Log,
  ) {
    this.publisher = broker.publisher();
  }

  onApplicationBootstrap(): void {
    const loop = new Repeated(() => this.relayOnce(), EVERY_MS);
    this.loop = loop;
    const wake = (): void => loop.wake();
    this.listener = this.catalog.listen('varve_outbox', wake, wake);
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.listener?.close();
    await this.loop?.close();
  }

  /** @returns whether there may be more */
  private async relayOnce(): Promise<boolean> {
    // With nobody to tell, rows would only be locked for nothing: a cancellation could not take them back.
    if (!this.catalog.ready || !this.broker.connectedSince) return false;
    try {
      const relayed = await this.catalog.alone('relay', async (tx) => {
        const messages = await tx.outbox.take(BATCH);
        const published = await this.publish(messages);
        if (published.length > 0) await tx.outbox.published(published);
        return { published: published.length, all: published.length === messages.length };
      });
      this.metrics.relayed.inc(relayed?.published ?? 0);
      if (relayed?.all && this.failing) this.log.info({}, 'the outbox is being published again');
      if (relayed) this.failing = !relayed.all;
      return relayed !== null && relayed.all && relayed.published === BATCH;
    } catch (error) {
      this.report(error);
      return false;
    }
  }

  /** Stops at the first that can't be published, so that no later one overtakes it. */
  private async publish(messages: readonly OutboxMessage[]): Promise<string[]> {
    const published: string[] = [];
    for (const message of messages) {
      try {
        await this.publishOne(message);
        published.push(message.id);
      } catch (error) {
        this.report(error);
        break;
      }
    }
    return published;
  }

  private async publishOne({ exchange, routingKey, body, messageId }: OutboxMessage): Promise<void> {
    try {
      await this.publisher.publish(exchange, routingKey, body, { messageId });
    } catch (error) {
      if (!(error instanceof UnroutableError) || exchange !== JOBS_EXCHANGE) throw error;
      // The host's worker has never been at this broker, or its queue was deleted: the job waits for it all the same.
      await this.broker.declareHostQueue(routingKey as HostName);
      await this.publisher.publish(exchange, routingKey, body, { messageId });
    }
  }

  /** Once per outage. */
  private report(error: unknown): void {
    const facts = { err: error };
    if (!(error instanceof ServiceUnavailableError)) this.log.error(facts, 'the outbox could not be published');
    else if (!this.failing) this.log.warn(facts, 'the outbox has to wait');
    this.failing = true;
  }
}
