import { ServiceUnavailableError } from '@varve/core';
import type { Log } from '@varve/messaging';
import { connect } from 'amqplib';
import type { ConfirmChannel, RecoveringChannelModel } from 'amqplib';
import { ensureForeignExchange } from './foreign-exchange.js';
import type { OsloNotification } from './oslo-message.js';
import type { OsloSettings } from './oslo-notifier.js';

const TIMEOUT_MS = 5_000;

/**
 * Publishes to the exchange and routing key that an oslo.messaging listener binds its queue to. Where nobody listens,
 * nothing is kept: no queue is made here that nobody would read.
 */
export class OsloPublisher {
  private channel: Promise<ConfirmChannel> | null = null;

  private constructor(
    private readonly connection: RecoveringChannelModel,
    private readonly settings: OsloSettings,
  ) {}

  static async start(settings: OsloSettings, log: Log): Promise<OsloPublisher> {
    const connection = await connect(settings.amqpUrl, {
      timeout: 5_000,
      recovery: { waitForConnect: false, maxDelay: 5_000 },
    });
    const publisher = new OsloPublisher(connection, settings);
    connection.on('disconnect', (error) => {
      publisher.channel = null;
      log.warn({ reason: String(error) }, 'the connection to the broker of OpenStack’s listeners broke');
    });
    connection.on('error', () => undefined);
    return publisher;
  }

  /** @throws {ServiceUnavailableError} not taken by the broker in time; it may have been all the same */
  async publish({ priority, message_id }: OsloNotification, body: object): Promise<void> {
    const { exchange, topic } = this.settings;
    try {
      const channel = await this.within(this.opened());
      await this.within(
        new Promise<void>((resolve, reject) => {
          channel.publish(
            exchange,
            `${topic}.${priority.toLowerCase()}`,
            Buffer.from(JSON.stringify(body)),
            { persistent: true, contentType: 'application/json', contentEncoding: 'utf-8', messageId: message_id },
            (error) => (error ? reject(error as Error) : resolve()),
          );
        }),
      );
    } catch (error) {
      this.channel = null;
      throw new ServiceUnavailableError('The broker did not take a notification', {}, { cause: error });
    }
  }

  async close(): Promise<void> {
    await this.connection.close();
  }

  private opened(): Promise<ConfirmChannel> {
    this.channel ??= this.open();
    return this.channel;
  }

  private async open(): Promise<ConfirmChannel> {
    await ensureForeignExchange(this.connection, this.settings.exchange);
    const channel = await this.connection.createConfirmChannel();
    channel.on('error', () => undefined);
    channel.once('close', () => (this.channel = null));
    return channel;
  }

  private async within<T>(work: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new ServiceUnavailableError('The broker did not answer in time')), TIMEOUT_MS);
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
