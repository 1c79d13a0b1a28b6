// What a user may do at a RabbitMQ, without doing it: each request is one that the broker refuses in any case, and it looks
// at the user's rights first. 403: not allowed. Anything else: that was not the reason. (Seen with RabbitMQ 3.10.)
import type { Channel, ChannelModel } from 'amqplib';

export type Right = 'configure' | 'write' | 'read';

export interface Question {
  readonly right: Right;
  /** Of a queue; of an exchange for `write`. It need not be there. */
  readonly name: string;
}

export async function mayDo(connection: ChannelModel, { right, name }: Question): Promise<boolean> {
  return (await refusal(connection, (channel) => ask(channel, right, name))) !== 403;
}

/** Whether it is there, which everybody may ask. */
export async function isThere(connection: ChannelModel, kind: 'queue' | 'exchange', name: string): Promise<boolean> {
  const code = await refusal(connection, (channel) =>
    kind === 'queue' ? channel.checkQueue(name) : channel.checkExchange(name),
  );
  return code === null;
}

async function ask(channel: Channel, right: Right, name: string): Promise<unknown> {
  switch (right) {
    case 'configure':
      return channel.assertQueue(name, { arguments: { 'x-max-length': 'not a number' } });
    case 'read':
      return channel.consume(name, () => undefined, { arguments: { 'x-priority': 'not a number' } });
    case 'write': {
      const refused = new Promise((_, reject) => channel.once('error', reject));
      channel.publish(name, 'varve-doctor', Buffer.alloc(0), { userId: 'nobody who could be logged in' });
      return refused;
    }
  }
}

/** The code of the broker's no; `null`: it was a yes. Each question has a channel, which a no closes. */
async function refusal(
  connection: ChannelModel,
  question: (channel: Channel) => Promise<unknown>,
): Promise<number | null> {
  const channel = await connection.createChannel();
  // The refusal also comes as an event, which without a listener would end the process.
  channel.on('error', () => undefined);
  try {
    await question(channel);
    await channel.close();
    return null;
  } catch (error) {
    const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
    if (typeof code === 'number') return code;
    throw error;
  }
}
