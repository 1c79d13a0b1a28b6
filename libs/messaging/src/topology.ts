import {
  CATALOG_QUEUE,
  DEAD_LETTER_EXCHANGE,
  DEAD_LETTER_QUEUE,
  EVENTS_EXCHANGE,
  JOBS_EXCHANGE,
  jobsQueueOf,
} from '@varve/contracts';
import type { HostName } from '@varve/core';
import type { Channel, ChannelModel, Options } from 'amqplib';

/** How often the broker gives a message out again before it moves it to the dead letters itself. */
export const BROKER_DELIVERY_LIMIT = 20;

/**
 * Arguments that RabbitMQ 3.10 and 4.x understand alike. A queue's can't be changed once it is declared: other arguments
 * need another name.
 */
const durable: Options.AssertQueue = {
  durable: true,
  arguments: {
    'x-queue-type': 'quorum',
    'x-delivery-limit': BROKER_DELIVERY_LIMIT,
    'x-dead-letter-exchange': DEAD_LETTER_EXCHANGE,
    // A dead letter leaves its queue only when the next one has it; that needs reject-publish.
    'x-dead-letter-strategy': 'at-least-once',
    'x-overflow': 'reject-publish',
  },
};

/** What all processes rely on. Whoever comes first makes it. */
export async function declareTopology(channel: Channel): Promise<void> {
  await channel.assertExchange(DEAD_LETTER_EXCHANGE, 'topic', { durable: true });
  await channel.assertQueue(DEAD_LETTER_QUEUE, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
  await channel.bindQueue(DEAD_LETTER_QUEUE, DEAD_LETTER_EXCHANGE, '#');

  await channel.assertExchange(JOBS_EXCHANGE, 'direct', { durable: true });

  await channel.assertExchange(EVENTS_EXCHANGE, 'topic', { durable: true });
  // One conductor records at a time, in the order that the hosts spoke; another takes over when it goes.
  await channel.assertQueue(CATALOG_QUEUE, {
    ...durable,
    arguments: { ...durable.arguments, 'x-single-active-consumer': true },
  });
  await channel.bindQueue(CATALOG_QUEUE, EVENTS_EXCHANGE, '#');
}

/** Whether somebody has made all of it. Takes no rights. */
export async function isTopologyThere(connection: Pick<ChannelModel, 'createChannel'>): Promise<boolean> {
  // Of its own: asking for what is not there closes it.
  const channel = await connection.createChannel();
  channel.on('error', () => undefined);
  try {
    for (const exchange of [DEAD_LETTER_EXCHANGE, JOBS_EXCHANGE, EVENTS_EXCHANGE])
      await channel.checkExchange(exchange);
    for (const queue of [DEAD_LETTER_QUEUE, CATALOG_QUEUE]) await channel.checkQueue(queue);
  } catch (error) {
    if ((error as { code?: unknown }).code === 404) return false;
    throw error;
  }
  await channel.close();
  return true;
}

/** Where a host's jobs wait for it. Made by its worker; also by whoever has a job for it, so that none is lost. */
export async function declareHostQueue(channel: Channel, host: HostName): Promise<void> {
  await channel.assertQueue(jobsQueueOf(host), durable);
  await channel.bindQueue(jobsQueueOf(host), JOBS_EXCHANGE, host);
}
