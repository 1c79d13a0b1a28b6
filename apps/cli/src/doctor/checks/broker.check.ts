import {
  CATALOG_QUEUE,
  DEAD_LETTER_EXCHANGE,
  DEAD_LETTER_QUEUE,
  EVENTS_EXCHANGE,
  JOBS_EXCHANGE,
  jobsQueueOf,
} from '@varve/contracts';
import type { HostName } from '@varve/core';
import type { ChannelModel } from 'amqplib';
import { connect } from 'amqplib';
import { z } from 'zod';
import { isThere } from '../broker-questions.js';
import type { Question } from '../broker-questions.js';
import type { Check, Finding } from '../finding.js';
import { codeOf, fail, messageOf, ok, skip, warn } from '../finding.js';
import type { ProcessName } from '../processes.js';
import { judgeRights, no, yes } from './broker-rights.js';

export const broker: Check = {
  name: 'broker',
  async run({ amqpUrl, host, process }) {
    if (amqpUrl === null) return [skip('broker', 'VARVE_AMQP_URL is not set')];
    return atBroker('broker', amqpUrl, async (connection) => [
      await topology(connection, process === 'worker' ? host : null),
      ...(await rights(connection, process, host)),
    ]);
  },
};

/** Logs in, and asks; the connection is closed at the end. */
export async function atBroker(
  check: string,
  amqpUrl: string,
  ask: (connection: ChannelModel) => Promise<Finding[]>,
): Promise<Finding[]> {
  // Without its credentials.
  const where = new URL(amqpUrl).host;
  let connection: ChannelModel;
  try {
    connection = await connect(amqpUrl, { timeout: 10_000 });
  } catch (error) {
    return [fail(check, { found: `${where}: ${codeOf(error) ?? messageOf(error)}`, advice: adviceFor(error) })];
  }
  try {
    const { version } = z
      .looseObject({ version: z.string().default('unknown') })
      .parse(connection.connection.serverProperties);
    return [ok(check, `logged in at ${where}, RabbitMQ ${version}`), ...(await ask(connection))];
  } finally {
    await connection.close();
  }
}

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

async function topology(connection: ChannelModel, host: HostName | null): Promise<Finding> {
  const missing: string[] = [];
  const asked = [
    ...[JOBS_EXCHANGE, EVENTS_EXCHANGE].map((name) => ({ name, kind: 'exchange' as const })),
    { name: host === null ? CATALOG_QUEUE : jobsQueueOf(host), kind: 'queue' as const },
  ];
  for (const { name, kind } of asked) if (!(await isThere(connection, kind, name))) missing.push(name);
  if (missing.length === 0) return ok('queues', asked.map(({ name }) => name).join(', '));
  return warn('queues', {
    found: `not there: ${missing.join(', ')}`,
    advice: 'The conductor and the worker make them when they first run; a worker waits for the conductor.',
  });
}

async function rights(connection: ChannelModel, process: ProcessName, host: HostName | null): Promise<Finding[]> {
  if (process === 'worker') {
    if (host === null) return [];
    const own = jobsQueueOf(host);
    return judgeRights('rights', connection, workerNeeds(own), TOO_MUCH_FOR_A_WORKER);
  }
  return judgeRights('rights', connection, CONDUCTOR_NEEDS, TOO_MUCH_FOR_ANYBODY);
}

const STRANGER = 'varve-doctor.of-somebody-else';
const OTHER_HOST = jobsQueueOf('varve-doctor-other-host' as HostName);

const workerNeeds = (own: string): Question[] => [
  ...yes('configure', own),
  ...yes('write', own, EVENTS_EXCHANGE, DEAD_LETTER_EXCHANGE),
  ...yes('read', own, JOBS_EXCHANGE),
];
const TOO_MUCH_FOR_ANYBODY = (['configure', 'write', 'read'] as const).flatMap((right) => no(right, STRANGER));
const TOO_MUCH_FOR_A_WORKER = [
  ...TOO_MUCH_FOR_ANYBODY,
  ...no('configure', OTHER_HOST, EVENTS_EXCHANGE, CATALOG_QUEUE),
  ...no('write', JOBS_EXCHANGE),
  ...no('read', OTHER_HOST, CATALOG_QUEUE, DEAD_LETTER_QUEUE),
];
const CONDUCTOR_NEEDS = (['configure', 'write', 'read'] as const).flatMap((right) =>
  yes(right, JOBS_EXCHANGE, EVENTS_EXCHANGE, DEAD_LETTER_EXCHANGE, CATALOG_QUEUE, OTHER_HOST),
);
