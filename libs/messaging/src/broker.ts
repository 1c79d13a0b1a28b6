import type { HostName } from '@varve/core';
import { ServiceUnavailableError } from '@varve/core';
import { connect } from 'amqplib';
import type { Channel, ChannelModel, RecoveringChannelModel } from 'amqplib';
import type { ConsumeOptions, Handler } from './consumer.js';
import { Consumer } from './consumer.js';
import type { Log } from './log.js';
import { Publisher } from './publisher.js';
import { declareHostQueue, declareTopology, isTopologyThere } from './topology.js';

export interface BrokerOptions {
  /**
   * `make`: see on every connection to it that what all processes share is there and bound. `expect`: make it only where it
   * isn't, so that a user without the right to make it can do with what another one has made.
   */
  readonly topology?: 'make' | 'expect';
}

/** A connection to RabbitMQ that comes back by itself, with everything that was declared on it. */
export class Broker {
  private readonly hosts = new Set<HostName>();
  private readonly open: { close(): Promise<void> }[] = [];
  private since: Date | null = null;

  /** @param connect - makes the connection, and calls back for every new one */
  private constructor(
    private readonly connection: RecoveringChannelModel,
    private readonly log: Log,
    private readonly topology: 'make' | 'expect',
  ) {}

  /** See {@link connectBroker}. */
  static async start(url: string, log: Log, { topology = 'make' }: BrokerOptions): Promise<Broker> {
    let broker: Broker | null = null;
    const connection = await connect(withHeartbeat(url), {
      timeout: 5_000,
      recovery: {
        waitForConnect: false,
        maxDelay: 2_000,
        setup: (model: ChannelModel) => broker?.declareAll(model) ?? Promise.resolve(),
      },
    });
    broker = new Broker(connection, log, topology);
    broker.watch();
    return broker;
  }

  private watch(): void {
    this.connection.on('connect', () => {
      this.since = new Date();
      this.log.info({}, 'connected to the message broker');
    });
    this.connection.on('disconnect', (error) => {
      this.since = null;
      this.log.warn({ reason: String(error) }, 'the connection to the message broker broke');
    });
    this.connection.on('connect-failed', (error) =>
      this.log.warn({ reason: String(error) }, 'the message broker is not available'),
    );
    // A connection's error is followed by `disconnect`, which says it.
    this.connection.on('error', () => undefined);
  }

  private async declareAll(model: Pick<ChannelModel, 'createChannel'>): Promise<void> {
    const channel = await model.createChannel();
    // Whoever declares gets the error as well; without a listener it would end the process.
    channel.on('error', () => undefined);
    await this.declareOn(channel, model);
    await channel.close();
  }

  /** @param model - ours waits for the connection, which while it is being made would wait for this */
  private async declareOn(channel: Channel, model: Pick<ChannelModel, 'createChannel'>): Promise<void> {
    const isThere = this.topology === 'expect' && (await isTopologyThere(model));
    if (!isThere) await declareTopology(channel);
    for (const host of this.hosts) await declareHostQueue(channel, host);
  }

  /** Since when the connection has been up without a break; `null`: it is down. */
  get connectedSince(): Date | null {
    return this.since;
  }

  /** @throws {ServiceUnavailableError} not within the time */
  async waitForConnect(timeoutMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new ServiceUnavailableError('The message broker is not available')), timeoutMs);
    });
    try {
      await Promise.race([this.connection.waitForConnect(), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Makes the queue that a host's jobs wait in; from now on also after every reconnection.
   *
   * @param patienceMs - how long a connection that is just being made may take
   * @throws {ServiceUnavailableError} the broker is away; it will be made when it is back
   */
  async declareHostQueue(host: HostName, patienceMs = 0): Promise<void> {
    this.hosts.add(host);
    if (!this.since) await this.waitForConnect(patienceMs);
    try {
      await this.declareAll(this.connection);
    } catch (error) {
      throw new ServiceUnavailableError('The message broker did not make the queue', { host }, { cause: error });
    }
  }

  publisher(): Publisher {
    const publisher = new Publisher(this.connection, this.log);
    this.open.push(publisher);
    return publisher;
  }

  consume(queue: string, handler: Handler, options: ConsumeOptions): Consumer {
    const declare = (channel: Channel): Promise<void> => this.declareOn(channel, this.connection);
    const consumer = new Consumer(this.connection, queue, declare, handler, options, this.log);
    this.open.push(consumer);
    return consumer;
  }

  /** Consumers first, so that what they handle can still publish. */
  async close(): Promise<void> {
    for (const one of this.open.filter((one) => one instanceof Consumer)) await one.close();
    for (const one of this.open.filter((one) => !(one instanceof Consumer))) await one.close();
    await this.connection.close();
    this.since = null;
  }
}

/** A broker that hangs is noticed within about 20 s; the default would be two minutes. */
function withHeartbeat(url: string): string {
  const parsed = new URL(url);
  if (!parsed.searchParams.has('heartbeat')) parsed.searchParams.set('heartbeat', '10');
  return parsed.toString();
}

/**
 * Connects and declares the exchanges and queues that all processes share. Returns at once: a broker that is away is
 * waited for in the background, and what is published meanwhile fails with {@link ServiceUnavailableError}.
 *
 * @param url - `amqp://user:password@host:port/vhost`
 */
export const connectBroker = (url: string, log: Log, options: BrokerOptions = {}): Promise<Broker> =>
  Broker.start(url, log, options);
