// The broker from a stranger's side: what went through it, and what may be put in again.
import type { ChannelModel, ConfirmChannel } from 'amqplib';
import { connect } from 'amqplib';
import { DEAD_LETTER_QUEUE, JOBS_EXCHANGE } from '@varve/contracts';
import type { Job } from '@varve/contracts';
import { until } from '../../../../testbed/services/until.ts';

export class BrokerTap {
  private constructor(
    private readonly connection: ChannelModel,
    private readonly channel: ConfirmChannel,
    private readonly host: string,
    private readonly copies: Job[],
  ) {}

  /** From now on a copy of each of the host's jobs is kept. */
  static async open(amqpUrl: string, host: string): Promise<BrokerTap> {
    const connection = await connect(amqpUrl);
    const channel = await connection.createConfirmChannel();
    const { queue } = await channel.assertQueue('', { exclusive: true });
    await channel.bindQueue(queue, JOBS_EXCHANGE, host);
    const copies: Job[] = [];
    await channel.consume(
      queue,
      (message) => {
        if (message) copies.push(JSON.parse(message.content.toString('utf8')) as Job);
      },
      { noAck: true },
    );
    return new BrokerTap(connection, channel, host, copies);
  }

  /** The job of an operation, once it has gone out. */
  jobOf(operation: string): Promise<Job> {
    return until('the job has gone out', () => this.copies.find((job) => job.operationId === operation));
  }

  /** Delivers a message to the host, as the control plane does. */
  async send(job: object): Promise<void> {
    this.channel.publish(JOBS_EXCHANGE, this.host, Buffer.from(JSON.stringify(job)), { persistent: true });
    await this.channel.waitForConfirms();
  }

  /** Takes the only message out of a queue. */
  take(queue: string): Promise<Record<string, unknown>> {
    return until(`there is a message in ${queue}`, async () => {
      const message = await this.channel.get(queue, { noAck: true });
      return message && (JSON.parse(message.content.toString('utf8')) as Record<string, unknown>);
    });
  }

  deadLetter(): Promise<Record<string, unknown>> {
    return this.take(DEAD_LETTER_QUEUE);
  }

  close(): Promise<void> {
    return this.connection.close();
  }
}
