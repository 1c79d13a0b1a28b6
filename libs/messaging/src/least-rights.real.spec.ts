import {
  CATALOG_QUEUE,
  CONDUCTOR_RIGHTS,
  DEAD_LETTER_QUEUE,
  EVENTS_EXCHANGE,
  JOBS_EXCHANGE,
  jobsQueueOf,
  workerRights,
} from '@varve/contracts';
import type { HostName } from '@varve/core';
import { ServiceUnavailableError } from '@varve/core';
import { connect } from 'amqplib';
import type { Channel } from 'amqplib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freshVhost, userWith } from '../../../testbed/services/shared.ts';
import { until } from '../../../testbed/services/until.ts';
import { connectBroker } from './broker.js';
import type { Broker } from './broker.js';
import { MessageUnusableError } from './consumer.js';

// The users of docs/openstack/deploy.md, with exactly the rights that it gives them.

const nothing = (): void => undefined;
const silent = { debug: nothing, info: nothing, warn: nothing, error: nothing };
/** With what means something in a pattern. */
const HOST = 'compute-1.example.org' as HostName;
const OTHER = 'compute-2.example.org' as HostName;

let vhost: string;
let workerUrl: string;
let conductor: Broker;
let worker: Broker;
beforeEach(async () => {
  vhost = await freshVhost();
  workerUrl = await userWith(vhost, workerRights(HOST));
  conductor = await connectBroker(await userWith(vhost, CONDUCTOR_RIGHTS), silent);
  worker = await connectBroker(workerUrl, silent, { topology: 'expect' });
});
afterEach(async () => {
  await Promise.all([worker.close(), conductor.close()]);
});

describe('a worker and a conductor with the least rights', () => {
  it('do all that they have to: jobs, events, dead letters', async () => {
    await conductor.waitForConnect(60_000);
    await conductor.declareHostQueue(OTHER);
    await until('the worker has its queue', () => worker.declareHostQueue(HOST, 5_000).then(() => true));

    const jobs: string[] = [];
    worker.consume(
      jobsQueueOf(HOST),
      ({ messageId }) => {
        jobs.push(messageId);
        if (messageId === 'unusable') throw new MessageUnusableError('never seen');
      },
      { prefetch: 2 },
    );
    const events: string[] = [];
    conductor.consume(CATALOG_QUEUE, ({ messageId }) => void events.push(messageId), { prefetch: 2 });
    const relay = conductor.publisher();
    for (const messageId of ['j1', 'unusable', 'j2']) await relay.publish(JOBS_EXCHANGE, HOST, {}, { messageId });
    await worker.publisher().publish(EVENTS_EXCHANGE, 'snapshot.sealed', {}, { messageId: 'e1' });

    await until('jobs and events are there', () => jobs.length === 3 && events.length === 1);
    const admin = await connect(vhost);
    const channel = await admin.createChannel();
    const dead = await until('a dead letter', () => channel.get(DEAD_LETTER_QUEUE, { noAck: true }));
    expect(dead.properties).toMatchObject({ messageId: 'unusable', headers: { 'x-varve-queue': jobsQueueOf(HOST) } });
    await admin.close();
  });

  it.each<[string, (channel: Channel) => Promise<unknown>]>([
    ['another host’s jobs', (channel) => channel.consume(jobsQueueOf(OTHER), nothing)],
    ['another host’s queue, to delete it', (channel) => channel.deleteQueue(jobsQueueOf(OTHER))],
    ['what was recorded', (channel) => channel.consume(CATALOG_QUEUE, nothing)],
    ['the events of others', (channel) => channel.bindQueue(jobsQueueOf(HOST), EVENTS_EXCHANGE, '#')],
    ['the dead letters', (channel) => channel.get(DEAD_LETTER_QUEUE)],
    ['the exchanges, to delete them', (channel) => channel.deleteExchange(EVENTS_EXCHANGE)],
    ['a queue of its own making', (channel) => channel.assertQueue('mine')],
    [
      'jobs for others',
      async (channel) => {
        channel.publish(JOBS_EXCHANGE, OTHER, Buffer.from('{}'));
        await new Promise((_, reject) => channel.once('error', reject));
      },
    ],
  ])('keep a worker from %s', async (_, reach) => {
    await conductor.waitForConnect(60_000);
    await conductor.declareHostQueue(OTHER);
    await conductor.declareHostQueue(HOST);
    const connection = await connect(workerUrl);
    const channel = await connection.createChannel();
    channel.on('error', nothing);
    await expect(reach(channel)).rejects.toMatchObject({ code: 403 });
    await connection.close();
  });
});

describe('a worker that comes before any conductor', () => {
  it('waits for what it may not make, and finds it later by itself', async () => {
    const empty = await freshVhost();
    const early = await connectBroker(await userWith(empty, workerRights(HOST)), silent, { topology: 'expect' });
    await expect(early.declareHostQueue(HOST, 5_000)).rejects.toThrow(ServiceUnavailableError);
    const jobs: string[] = [];
    early.consume(jobsQueueOf(HOST), ({ messageId }) => void jobs.push(messageId), { prefetch: 1 });

    const late = await connectBroker(await userWith(empty, CONDUCTOR_RIGHTS), silent);
    await late.waitForConnect(60_000);
    await late.declareHostQueue(HOST);
    await late.publisher().publish(JOBS_EXCHANGE, HOST, {}, { messageId: 'j1' });
    await until('the job has come', () => jobs.length === 1);
    await Promise.all([early.close(), late.close()]);
  });
});
