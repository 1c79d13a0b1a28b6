import { Consumer } from '@varve/messaging';
import type { Handler, Log } from '@varve/messaging';
import { connect } from 'amqplib';
import type { Channel } from 'amqplib';
import { ensureForeignExchange } from './foreign-exchange.js';

export interface NovaQueueSettings {
  /** Of the broker and vhost that Nova notifies on, which need not be ours. */
  readonly amqpUrl: string;
  /** Nova's control exchange. */
  readonly exchange: string;
  /** E.g. `notifications`, `versioned_notifications`; each with every priority. */
  readonly topics: readonly string[];
  /** Ours alone: what we take from it is taken from nobody. */
  readonly queue: string;
}

export interface NovaQueue {
  readonly connectedSince: Date | null;
  close(): Promise<void>;
}

const PREFETCH = 32;
/** What comes while we are away is kept for so long, and no more than so much: the reconciliation makes good the rest. */
const KEPT_MS = 24 * 3_600_000;
const KEPT_MESSAGES = 100_000;

/** Consumes Nova's notifications from a queue of our own; waits for a broker that is away, and comes back to it. */
export async function consumeNovaQueue(settings: NovaQueueSettings, handler: Handler, log: Log): Promise<NovaQueue> {
  const url = new URL(settings.amqpUrl);
  if (!url.searchParams.has('heartbeat')) url.searchParams.set('heartbeat', '10');
  const connection = await connect(url.toString(), {
    timeout: 5_000,
    recovery: { waitForConnect: false, maxDelay: 5_000 },
  });
  let since: Date | null = null;
  connection.on('connect', () => (since = new Date()));
  connection.on('disconnect', (error) => {
    since = null;
    log.warn({ reason: String(error) }, "the connection to Nova's broker broke");
  });
  connection.on('connect-failed', (error) => log.warn({ reason: String(error) }, "Nova's broker is not available"));
  // A connection's error is followed by `disconnect`, which says it.
  connection.on('error', () => undefined);

  const declare = async (channel: Channel): Promise<void> => {
    await ensureForeignExchange(connection, settings.exchange);
    await channel.assertQueue(settings.queue, {
      durable: true,
      arguments: { 'x-message-ttl': KEPT_MS, 'x-max-length': KEPT_MESSAGES },
    });
    for (const topic of settings.topics) await channel.bindQueue(settings.queue, settings.exchange, `${topic}.*`);
  };
  const consumer = new Consumer(connection, settings.queue, declare, handler, { prefetch: PREFETCH }, log);
  return {
    get connectedSince() {
      return since;
    },
    async close() {
      await consumer.close();
      await connection.close();
    },
  };
}
