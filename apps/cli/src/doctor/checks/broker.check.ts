import { EVENTS_EXCHANGE, JOBS_EXCHANGE, jobsQueueOf } from '@varve/contracts';
import type { HostName } from '@varve/core';
import type { ChannelModel } from 'amqplib';
import { connect } from 'amqplib';
import { z } from 'zod';
import type { Check, Finding } from '../finding.js';
import { codeOf, fail, messageOf, ok, skip, warn } from '../finding.js';

export const broker: Check = {
  name: 'broker',
  async run({ amqpUrl, host }) {
    if (amqpUrl === null) return [skip('broker', 'VARVE_AMQP_URL is not set')];
    // Without its credentials.
    const where = new URL(amqpUrl).host;
    let connection: ChannelModel;
    try {
      connection = await connect(amqpUrl, { timeout: 10_000 });
    } catch (error) {
      return [fail('broker', { found: `${where}: ${codeOf(error) ?? messageOf(error)}`, advice: adviceFor(error) })];
    }
    try {
      const { version } = z
        .looseObject({ version: z.string().default('unknown') })
        .parse(connection.connection.serverProperties);
      return [ok('broker', `logged in at ${where}, RabbitMQ ${version}`), ...(await topology(connection, host))];
    } finally {
      await connection.close();
    }
  },
};

function adviceFor(error: unknown): string {
  switch (codeOf(error)) {
    case 'ECONNREFUSED':
      return 'Nothing listens there: is RabbitMQ up, are host and port right?';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'The broker’s name is not known here: check it and the DNS.';
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
      return 'Nothing comes back from there: check the route and firewalls.';
    case null:
      return 'The broker answered and did not let us in: check user, password, virtual host and the user’s permissions.';
    default:
      return 'Check VARVE_AMQP_URL, the network, and the certificate if it is amqps.';
  }
}

/** Each question has a channel of its own: the broker closes the one on which it says no. */
async function topology(connection: ChannelModel, host: HostName | null): Promise<Finding[]> {
  const missing: string[] = [];
  const asked = [
    ...[JOBS_EXCHANGE, EVENTS_EXCHANGE].map((name) => ({ name, kind: 'checkExchange' as const })),
    ...(host === null ? [] : [{ name: jobsQueueOf(host), kind: 'checkQueue' as const }]),
  ];
  for (const { name, kind } of asked) {
    const channel = await connection.createChannel();
    // The refusal also comes as an event, which without a listener would end the process.
    channel.on('error', () => undefined);
    try {
      await channel[kind](name);
      await channel.close();
    } catch {
      missing.push(name);
    }
  }
  if (missing.length === 0) return [ok('queues', asked.map(({ name }) => name).join(', '))];
  return [
    warn('queues', {
      found: `not there, or not ours to see: ${missing.join(', ')}`,
      advice: 'The conductor and the worker make them when they first run; if they have, check the user’s permissions.',
    }),
  ];
}
