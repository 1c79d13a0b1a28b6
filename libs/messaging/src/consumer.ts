import { DEAD_LETTER_EXCHANGE } from '@varve/contracts';
import type { ConfirmChannel, ConsumeMessage, RecoveringChannelModel } from 'amqplib';
import type { z } from 'zod';
import { keepChannel } from './keep-channel.js';
import type { KeptChannel } from './keep-channel.js';
import type { Log } from './log.js';

/** The message can't be understood, however often it comes: it goes to the dead letters, with the reason. */
export class MessageUnusableError extends Error {
  override readonly name = 'MessageUnusableError';
}

export interface Delivery {
  /** @throws {MessageUnusableError} not JSON */
  json(): unknown;
  /** @throws {MessageUnusableError} not JSON, or not this */
  parse<Schema extends z.ZodType>(schema: Schema): z.output<Schema>;
  /** Done with it: the broker may forget it. Only the first of `ack` and `reject` counts. */
  ack(): void;
  /** To the dead letters, with the reason. */
  reject(reason: string): void;
  /** It was given out before, to us or to another. */
  readonly redelivered: boolean;
  readonly messageId: string;
  /** How often it was given out before and came back: `x-delivery-count`. */
  readonly messageCountHeader: number;
  readonly routingKey: string;
  /** Aborted when it can no longer be acknowledged, because its channel is gone: it will come again. */
  readonly signal: AbortSignal;
}

/**
 * Returning acknowledges, unless the handler did before. {@link MessageUnusableError} sends the message to the dead
 * letters; after any other error it comes again, and goes there when that does not help.
 */
export type Handler = (delivery: Delivery) => Promise<void> | void;

export interface ConsumeOptions {
  /** How many messages are with us at once. */
  readonly prefetch: number;
  /** Messages with the same key are handled one after another; `null` and no function: side by side. */
  readonly inOrderOf?: (delivery: Delivery) => string | null;
  /** Milliseconds until a message that could not be handled comes again. */
  readonly retryDelayMs?: number;
}

/** Deliveries after which a message that can't be handled is put aside. */
const ATTEMPTS = 5;

/** Receives from one queue, through broker restarts and closed channels. */
export class Consumer {
  private readonly channel: KeptChannel;
  private readonly running = new Set<Promise<void>>();
  private readonly lines = new Map<string, Promise<void>>();
  private tag: string | null = null;
  private stopped = false;

  constructor(
    connection: RecoveringChannelModel,
    private readonly queue: string,
    declare: (channel: ConfirmChannel) => Promise<void>,
    private readonly handler: Handler,
    private readonly options: ConsumeOptions,
    private readonly log: Log,
  ) {
    this.channel = keepChannel(
      connection,
      async (channel) => {
        await declare(channel);
        await this.onOpen(channel);
      },
      log,
    );
  }

  private async onOpen(channel: ConfirmChannel): Promise<void> {
    const gone = new AbortController();
    channel.once('close', () => gone.abort());
    await channel.prefetch(this.options.prefetch);
    const { consumerTag } = await channel.consume(this.queue, (message) => {
      if (message) this.receive(channel, message, gone.signal);
      // The broker cancelled us, for instance because the queue was deleted: begin anew.
      else void channel.close().catch(() => undefined);
    });
    this.tag = consumerTag;
  }

  private receive(channel: ConfirmChannel, message: ConsumeMessage, gone: AbortSignal): void {
    if (this.stopped) return; // left unacknowledged: it goes back when the channel closes
    const delivery = new ChannelDelivery(channel, message, gone, this.queue, this.log);
    const key = this.options.inOrderOf?.(delivery) ?? null;
    const before = key === null ? undefined : this.lines.get(key);
    const run = (before ?? Promise.resolve()).then(() => this.handle(delivery));
    this.running.add(run);
    if (key !== null) this.lines.set(key, run);
    void run.finally(() => {
      this.running.delete(run);
      if (key !== null && this.lines.get(key) === run) this.lines.delete(key);
    });
  }

  private async handle(delivery: ChannelDelivery): Promise<void> {
    if (delivery.signal.aborted) return;
    try {
      await this.handler(delivery);
      delivery.ack();
    } catch (error) {
      const facts = { err: error, queue: this.queue, messageId: delivery.messageId };
      if (error instanceof MessageUnusableError || delivery.messageCountHeader + 1 >= ATTEMPTS) {
        this.log.error(facts, 'a message went to the dead letters');
        delivery.reject(error instanceof Error ? error.message : String(error));
        return;
      }
      this.log.warn(facts, 'a message could not be handled and will come again');
      delivery.again(this.options.retryDelayMs ?? 1_000);
    }
  }

  /** Takes no more messages, waits for the handlers that run, and gives back what was not acknowledged. */
  async close(): Promise<void> {
    this.stopped = true;
    const { current } = this.channel;
    // Should that fail, the channel is gone, and with it the consumer.
    if (current && this.tag !== null) await current.cancel(this.tag).catch(() => undefined);
    await Promise.all(this.running);
    await this.channel.close();
  }
}

class ChannelDelivery implements Delivery {
  private settled = false;
  readonly redelivered: boolean;
  readonly messageId: string;
  readonly messageCountHeader: number;
  readonly routingKey: string;

  constructor(
    private readonly channel: ConfirmChannel,
    private readonly message: ConsumeMessage,
    readonly signal: AbortSignal,
    private readonly queue: string,
    private readonly log: Log,
  ) {
    this.redelivered = message.fields.redelivered;
    this.messageId = String(message.properties.messageId ?? '');
    this.messageCountHeader = Number(message.properties.headers?.['x-delivery-count'] ?? 0);
    this.routingKey = message.fields.routingKey;
  }

  json(): unknown {
    try {
      return JSON.parse(this.message.content.toString('utf8'));
    } catch (error) {
      throw new MessageUnusableError('not JSON', { cause: error });
    }
  }

  parse<Schema extends z.ZodType>(schema: Schema): z.output<Schema> {
    const parsed = schema.safeParse(this.json());
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    throw new MessageUnusableError(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not understood'}`, {
      cause: parsed.error,
    });
  }

  ack(): void {
    this.settle(() => this.channel.ack(this.message));
  }

  again(delayMs: number): void {
    setTimeout(() => this.settle(() => this.channel.nack(this.message, false, true)), delayMs);
  }

  reject(reason: string): void {
    this.settle(() => {
      const { properties, fields, content } = this.message;
      const headers = {
        ...properties.headers,
        'x-varve-reason': reason.slice(0, 1_000),
        'x-varve-queue': this.queue,
        'x-varve-exchange': fields.exchange,
      };
      const { messageId, contentType } = properties as { messageId?: string; contentType?: string };
      this.channel.publish(
        DEAD_LETTER_EXCHANGE,
        fields.routingKey,
        content,
        { persistent: true, headers, ...(messageId && { messageId }), ...(contentType && { contentType }) },
        (error) => {
          if (error)
            this.log.error({ err: error as Error, messageId }, 'a dead letter was not taken; it will come again');
          if (this.signal.aborted) return;
          if (error) this.channel.nack(this.message);
          else this.channel.ack(this.message);
        },
      );
    });
  }

  /** On a channel that is gone nothing can be said any more; the broker gives the message out again. */
  private settle(say: () => void): void {
    if (this.settled || this.signal.aborted) return;
    this.settled = true;
    try {
      say();
    } catch (error) {
      this.log.warn({ err: error, messageId: this.messageId }, 'a channel closed under a message');
    }
  }
}
