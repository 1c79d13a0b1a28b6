import { mkdtempSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { CATALOG_QUEUE, DEAD_LETTER_QUEUE, EVENTS_EXCHANGE, JOBS_EXCHANGE, jobsQueueOf } from '@varve/contracts';
import { ServiceUnavailableError } from '@varve/core';
import type { HostName } from '@varve/core';
import { connect } from 'amqplib';
import type { ChannelModel, GetMessage } from 'amqplib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { startServices } from '../../../testbed/services/services.ts';
import type { Services } from '../../../testbed/services/services.ts';
import { connectBroker } from './broker.js';
import type { Broker } from './broker.js';
import type { Delivery } from './consumer.js';
import { UnroutableError } from './publisher.js';

const nothing = (): void => undefined;
const silent = { debug: nothing, info: nothing, warn: nothing, error: nothing };
const HOST = 'compute-1' as HostName;
const QUEUE = jobsQueueOf(HOST);

let services: Services;
let stateDir: string;
let url: string;
let broker: Broker;
let admin: ChannelModel;

beforeAll(async () => {
  stateDir = mkdtempSync('/var/tmp/varve-broker-');
  services = await startServices({ stateDir, which: ['rabbitmq'] });
});
afterAll(async () => {
  await services?.stop();
  rmSync(stateDir, { recursive: true, force: true });
});
beforeEach(async () => {
  url = await services.createVhost(`t${crypto.randomUUID().slice(0, 8)}`);
  broker = await connectBroker(url, silent);
  await broker.waitForConnect(30_000);
  await broker.declareHostQueue(HOST);
  admin = await connect(url);
  admin.on('error', nothing);
});
afterEach(async () => {
  await broker.close();
  await admin.close().catch(nothing); // the broker was killed under it
});

async function until<T>(what: string, look: () => Promise<T | null | false> | T | null | false): Promise<T> {
  for (const end = Date.now() + 60_000; ;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
    await sleep(20);
  }
}

async function deadLetter(): Promise<GetMessage> {
  const channel = await admin.createChannel();
  try {
    return await until('a dead letter', () => channel.get(DEAD_LETTER_QUEUE, { noAck: true }));
  } finally {
    await channel.close();
  }
}

describe('publishing', () => {
  it('resolves when the message is in its queue', async () => {
    await broker.publisher().publish(JOBS_EXCHANGE, HOST, { hello: 'there' }, { messageId: 'm1' });
    const channel = await admin.createChannel();
    const message = await channel.get(QUEUE, { noAck: true });
    if (!message) throw new Error('not there');
    expect(message.properties).toMatchObject({ messageId: 'm1', deliveryMode: 2, contentType: 'application/json' });
    expect(JSON.parse(message.content.toString())).toEqual({ hello: 'there' });
    expect((await channel.checkQueue(CATALOG_QUEUE)).messageCount).toBe(0);
  });

  it('fails for a message that no queue takes, and not for the one beside it', async () => {
    const publisher = broker.publisher();
    const outcomes = await Promise.allSettled(
      ['nobody', HOST, 'nobody', HOST].map((host, i) =>
        publisher.publish(JOBS_EXCHANGE, host, {}, { messageId: `m${i}` }),
      ),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected', 'fulfilled']);
    expect(outcomes[0]).toMatchObject({ reason: expect.any(UnroutableError) as unknown });
  });

  it('fails within its time while the broker is away, and works again when it is back', async () => {
    const publisher = broker.publisher();
    await publisher.publish(JOBS_EXCHANGE, HOST, {}, { messageId: 'before' });
    await services.rabbitmq.stop();
    const began = Date.now();
    await expect(publisher.publish(JOBS_EXCHANGE, HOST, {}, { messageId: 'during', timeoutMs: 500 })).rejects.toThrow(
      ServiceUnavailableError,
    );
    expect(Date.now() - began).toBeLessThan(30_000);
    await services.rabbitmq.start();
    await publisher.publish(JOBS_EXCHANGE, HOST, {}, { messageId: 'after', timeoutMs: 60_000 });
  });
});

describe('consuming', () => {
  it('gives every message that was confirmed, through a kill of the broker', async () => {
    const seen = new Set<string>();
    broker.consume(QUEUE, (delivery) => void seen.add(delivery.messageId), { prefetch: 16 });
    const publisher = broker.publisher();
    const confirmed: string[] = [];
    let killed: Promise<void> | null = null;
    for (let i = 0; i < 600; i++) {
      const messageId = `m${i}`;
      try {
        await publisher.publish(JOBS_EXCHANGE, HOST, { i }, { messageId, timeoutMs: 60_000 });
        confirmed.push(messageId);
      } catch (error) {
        if (!(error instanceof ServiceUnavailableError)) throw error;
      }
      if (i === 200) killed = services.rabbitmq.kill().then(() => services.rabbitmq.start());
    }
    await killed;
    expect(confirmed.length).toBeGreaterThan(590);
    await until('all have come', () => confirmed.every((id) => seen.has(id)));
  });

  it('goes on when the broker closes the channel alone, or drops the queue', async () => {
    const seen: string[] = [];
    const failing = new Set(['twice-acknowledged']);
    broker.consume(
      QUEUE,
      (delivery) => {
        seen.push(delivery.messageId);
        if (!failing.delete(delivery.messageId)) return;
        // What a broker answers to an acknowledgement that it doesn't know: it closes the channel.
        const { channel, message } = delivery as unknown as { channel: { ack(m: unknown): void }; message: unknown };
        channel.ack(message);
        channel.ack(message);
      },
      { prefetch: 1 },
    );
    const publisher = broker.publisher();
    await publisher.publish(JOBS_EXCHANGE, HOST, {}, { messageId: 'twice-acknowledged' });
    await publisher.publish(JOBS_EXCHANGE, HOST, {}, { messageId: 'next' });
    await until('the next comes', () => seen.includes('next'));

    const channel = await admin.createChannel();
    await channel.deleteQueue(QUEUE);
    const published = async (): Promise<boolean> =>
      publisher.publish(JOBS_EXCHANGE, HOST, {}, { messageId: 'after' }).then(
        () => true,
        () => false,
      );
    await until('the queue is there again', published);
    await until('messages come again', () => seen.includes('after'));
  });

  it('sends what can not be read to the dead letters at once, with the reason', async () => {
    let calls = 0;
    broker.consume(
      QUEUE,
      (delivery) => {
        calls++;
        delivery.parse(z.object({ version: z.literal(1) }));
      },
      { prefetch: 1 },
    );
    const channel = await admin.createConfirmChannel();
    channel.publish(JOBS_EXCHANGE, HOST, Buffer.from('{not json'), { messageId: 'odd' });
    const odd = await deadLetter();
    expect(odd.properties).toMatchObject({
      messageId: 'odd',
      headers: { 'x-varve-reason': 'not JSON', 'x-varve-queue': QUEUE },
    });
    expect(odd.content.toString()).toBe('{not json');
    channel.publish(JOBS_EXCHANGE, HOST, Buffer.from('{"version":2}'), { messageId: 'new' });
    expect((await deadLetter()).properties.headers?.['x-varve-reason']).toMatch(/^version: /);
    expect(calls).toBe(2);
  });

  it('brings back what could not be handled, and puts it aside with the reason when that does not help', async () => {
    const counts: number[] = [];
    broker.consume(
      QUEUE,
      (delivery) => {
        counts.push(delivery.messageCountHeader);
        throw new Error('it does not work');
      },
      { prefetch: 1, retryDelayMs: 10 },
    );
    await broker.publisher().publish(JOBS_EXCHANGE, HOST, {}, { messageId: 'm' });
    expect((await deadLetter()).properties.headers?.['x-varve-reason']).toBe('it does not work');
    expect(counts).toEqual([0, 1, 2, 3, 4]);
  });

  it('handles what belongs together one after another, and the rest side by side', async () => {
    const running = new Set<string>();
    const overlaps = { same: 0, other: 0 };
    const order: string[] = [];
    const keyOf = (delivery: Delivery): string => delivery.messageId.slice(0, 1);
    let release = nothing;
    const anotherBegan = new Promise<void>((resolve) => (release = resolve));
    let began = 0;
    broker.consume(
      CATALOG_QUEUE,
      async (delivery) => {
        const key = keyOf(delivery);
        if (running.has(key)) overlaps.same++;
        else if (running.size > 0) overlaps.other++;
        if (overlaps.other > 0) release();
        running.add(key);
        // The first waits for one of another key, however late that comes.
        await (began++ === 0 ? anotherBegan : sleep(5));
        running.delete(key);
        order.push(delivery.messageId);
      },
      { prefetch: 8, inOrderOf: keyOf },
    );
    const publisher = broker.publisher();
    const ids = Array.from({ length: 40 }, (_, i) => `${'abcd'[i % 4]}${i}`);
    // On one channel, hence in this order.
    await Promise.all(ids.map((messageId) => publisher.publish(EVENTS_EXCHANGE, 'a.b', {}, { messageId })));
    // Should there be none: the consumer is closed after what it is at.
    await until('all have come', () => order.length === 40).finally(() => release());
    expect(overlaps.same).toBe(0);
    expect(overlaps.other).toBeGreaterThan(0);
    for (const key of 'abcd') {
      const mine = order.filter((id) => id.startsWith(key)).map((id) => Number(id.slice(1)));
      expect(mine).toEqual([...mine].sort((a, b) => a - b));
    }
  });

  it('of the catalog queue is one consumer at a time; the other takes over', async () => {
    const other = await connectBroker(url, silent);
    const seen: string[] = [];
    const first = broker.consume(CATALOG_QUEUE, () => void seen.push('first'), { prefetch: 1 });
    const publisher = broker.publisher();
    await publisher.publish(EVENTS_EXCHANGE, 'a.b', {}, { messageId: 'm0' });
    await until('the first has it', () => seen.length === 1);
    other.consume(CATALOG_QUEUE, () => void seen.push('second'), { prefetch: 1 });
    for (let i = 1; i < 10; i++) await publisher.publish(EVENTS_EXCHANGE, 'a.b', {}, { messageId: `m${i}` });
    await until('all have come', () => seen.length === 10);
    expect(new Set(seen)).toEqual(new Set(['first']));
    await first.close();
    await publisher.publish(EVENTS_EXCHANGE, 'a.b', {}, { messageId: 'm10' });
    await until('the second has it', () => seen.at(-1) === 'second');
    await other.close();
  });

  it('stops when it is closed, after what it is at; what it did not take waits in the queue', async () => {
    let began = 0;
    let ended = 0;
    const consumer = broker.consume(
      QUEUE,
      async () => {
        began++;
        await sleep(200);
        ended++;
      },
      { prefetch: 2 },
    );
    const publisher = broker.publisher();
    for (let i = 0; i < 6; i++) await publisher.publish(JOBS_EXCHANGE, HOST, {}, { messageId: `m${i}` });
    await until('it is at something', () => began > 0);
    await consumer.close();
    expect(ended).toBe(began);
    const channel = await admin.createChannel();
    await until('the rest waits', async () => (await channel.checkQueue(QUEUE)).messageCount === 6 - ended);
  });
});
