import type { VarveEvent } from '@varve/contracts';
import { EVENTS_EXCHANGE } from '@varve/contracts';
import { ServiceUnavailableError } from '@varve/core';
import type { ConfirmChannel, RecoveringChannelModel } from 'amqplib';
import { keepChannel } from './keep-channel.js';
import type { KeptChannel } from './keep-channel.js';
import type { Log } from './log.js';

/** The broker took the message but had no queue to put it in: it is lost, as far as the receiver is concerned. */
export class UnroutableError extends ServiceUnavailableError {
  constructor(
    readonly exchange: string,
    readonly routingKey: string,
  ) {
    super(`No queue takes ${routingKey} from ${exchange}`, { exchange, routingKey });
  }
}

export interface PublishOptions {
  /** The same when it is sent again: receivers know it by that. */
  readonly messageId: string;
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 5_000;

/** Publishes durable messages and waits until the broker has them. */
export class Publisher {
  private readonly channel: KeptChannel;
  private readonly returned = new Set<string>();
  private sent = 0;

  constructor(connection: RecoveringChannelModel, log: Log) {
    this.channel = keepChannel(connection, (channel) => this.onOpen(channel), log);
  }

  private onOpen(channel: ConfirmChannel): Promise<void> {
    this.returned.clear();
    channel.on('return', ({ properties }) => this.returned.add(String(properties.correlationId)));
    return Promise.resolve();
  }

  /**
   * @returns when the broker has the message on the disks of its queues
   * @throws {UnroutableError} no queue is bound for it
   * @throws {ServiceUnavailableError} not connected, refused, or no answer in time; it may have arrived all the same
   */
  async publish(exchange: string, routingKey: string, body: unknown, options: PublishOptions): Promise<void> {
    const { messageId, timeoutMs = TIMEOUT_MS } = options;
    const deadline = Date.now() + timeoutMs;
    const channel = await this.channel.wait(timeoutMs);
    if (!channel) throw new ServiceUnavailableError('The message broker is not connected');
    const correlationId = String(++this.sent);
    try {
      await confirmed(channel, Math.max(deadline - Date.now(), 100), (callback) =>
        channel.publish(
          exchange,
          routingKey,
          Buffer.from(JSON.stringify(body)),
          { persistent: true, mandatory: true, contentType: 'application/json', messageId, correlationId },
          callback,
        ),
      );
      // A message that has no queue is confirmed as well, after it was returned.
      if (this.returned.has(correlationId)) throw new UnroutableError(exchange, routingKey);
    } finally {
      this.returned.delete(correlationId);
    }
  }

  /** Tells everybody who listens; the routing key is the event's type. */
  publishEvent(event: VarveEvent, options: { timeoutMs?: number } = {}): Promise<void> {
    return this.publish(EVENTS_EXCHANGE, event.type, event, { ...options, messageId: event.id });
  }

  close(): Promise<void> {
    return this.channel.close();
  }
}

function confirmed(
  channel: ConfirmChannel,
  timeoutMs: number,
  send: (callback: (error: unknown) => void) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (message: string, cause?: unknown): void => {
      end();
      reject(new ServiceUnavailableError(message, {}, { cause }));
    };
    // The callbacks of a channel that dies with its connection never come.
    const onClose = (): void => fail('The connection to the message broker broke');
    const timer = setTimeout(() => fail('The message broker did not confirm in time'), timeoutMs);
    const end = (): void => {
      clearTimeout(timer);
      channel.off('close', onClose);
    };
    channel.setMaxListeners(0).once('close', onClose);
    try {
      send((error) => {
        if (error) return fail('The message broker refused the message', error);
        end();
        resolve();
      });
    } catch (error) {
      fail('The channel to the message broker is closed', error);
    }
  });
}
