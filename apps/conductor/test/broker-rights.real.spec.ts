import { listenerRights, notifierRights } from '@varve/contracts';
import { connect } from 'amqplib';
import { expect, it } from 'vitest';
import { freshVhost, userWith } from '../../../testbed/services/shared.ts';
import { consumeNovaQueue } from '../src/notifications/nova-queue.js';
import { OsloPublisher } from '../src/notifications/oslo-publisher.js';
import { until } from './kit/until.js';

// The users of docs/openstack/deploy.md on brokers that are not ours, with exactly the rights that it gives them.

const nothing = (): void => undefined;
const silent = { debug: nothing, info: nothing, warn: nothing, error: nothing };

it('a listener hears what Nova notifies, and can reach nothing of Nova’s', async () => {
  const vhost = await freshVhost();
  const nova = await connect(vhost);
  const channel = await nova.createChannel();
  await channel.assertExchange('nova', 'topic', { durable: false });
  await channel.assertQueue('notifications.info', { durable: false });
  await channel.bindQueue('notifications.info', 'nova', 'notifications.info');

  const amqpUrl = await userWith(vhost, listenerRights('varve.nova', 'nova'));
  const topics = ['notifications', 'versioned_notifications'];
  const heard: string[] = [];
  const settings = { amqpUrl, exchange: 'nova', topics, queue: 'varve.nova' };
  const queue = await consumeNovaQueue(settings, ({ routingKey }) => void heard.push(routingKey), silent);
  await until('it listens', async () => {
    for (const topic of topics) channel.publish('nova', `${topic}.info`, Buffer.from('{}'));
    return new Set(heard).size === 2;
  });
  expect((await channel.checkQueue('notifications.info')).messageCount).toBeGreaterThan(0);

  const listener = await connect(amqpUrl);
  const reach = await listener.createChannel();
  reach.on('error', nothing);
  await expect(reach.get('notifications.info')).rejects.toMatchObject({ code: 403 });
  await Promise.all([listener.close(), queue.close()]);
  await nova.close();
});

it('a notifier is heard where OpenStack’s listeners listen', async () => {
  const vhost = await freshVhost();
  const amqpUrl = await userWith(vhost, notifierRights('varve'));
  const publisher = await OsloPublisher.start({ amqpUrl, exchange: 'varve', topic: 'notifications' }, silent);
  const message = { message_id: 'm1', priority: 'INFO' } as Parameters<OsloPublisher['publish']>[0];
  await publisher.publish(message, {}); // makes the exchange
  const listener = await connect(vhost);
  const channel = await listener.createChannel();
  await channel.assertQueue('of a listener');
  await channel.bindQueue('of a listener', 'varve', 'notifications.info');
  await publisher.publish(message, { hello: 'there' });
  const got = await until('it is heard', () => channel.get('of a listener', { noAck: true }));
  expect(got.content.toString()).toBe('{"hello":"there"}');
  await publisher.close();
  await listener.close();
});
