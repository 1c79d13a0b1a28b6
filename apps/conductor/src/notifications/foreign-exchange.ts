import type { Channel, RecoveringChannelModel } from 'amqplib';

/**
 * Sees to it that somebody else's exchange is there. It is theirs: whatever it is like, it stays so. Where they have not
 * come up yet it is made as oslo.messaging makes it by default (topic, not durable), which then fits.
 */
export async function ensureForeignExchange(connection: RecoveringChannelModel, exchange: string): Promise<void> {
  if (await isThere(connection, exchange)) return;
  const channel = await quietChannel(connection);
  await channel.assertExchange(exchange, 'topic', { durable: false, autoDelete: false });
  await channel.close();
}

/** On a channel of its own: asking for what is not there closes it. */
async function isThere(connection: RecoveringChannelModel, exchange: string): Promise<boolean> {
  const channel = await quietChannel(connection);
  try {
    await channel.checkExchange(exchange);
  } catch (error) {
    if ((error as { code?: unknown }).code === 404) return false;
    throw error;
  }
  await channel.close();
  return true;
}

/** Whoever asks gets the error as well; without a listener it would end the process. */
async function quietChannel(connection: RecoveringChannelModel): Promise<Channel> {
  const channel = await connection.createChannel();
  channel.on('error', () => undefined);
  return channel;
}
