import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import amqp from 'amqplib';
import { Client } from 'minio';
import * as pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pidsNaming } from './process-table.ts';
import { freshBucket, freshDatabase, freshVhost } from './shared.ts';
import { startServices, type Services } from './services.ts';
import { until } from './until.ts';

const query = async (url: string, sql: string): Promise<unknown[]> => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
};

const listed = async (client: Client, bucket: string): Promise<string[]> =>
  (await client.listObjects(bucket, '', true).toArray()).map((object) => (object as { name: string }).name);

describe('the embedded services of one state folder', () => {
  const stateDir = mkdtempSync('/var/tmp/varve-own-');
  let services: Services;
  beforeAll(async () => {
    services = await startServices({ stateDir });
  });
  afterAll(async () => {
    await services.stop();
    rmSync(stateDir, { recursive: true });
  });

  it('the database keeps its rows and its port over a kill -9', async () => {
    await query(services.postgresUrl, 'CREATE TABLE kept AS SELECT 7 AS n');
    await services.postgres.kill();
    await expect(query(services.postgresUrl, 'SELECT 1')).rejects.toThrow(/ECONNREFUSED/);
    await services.postgres.start();
    expect(await query(services.postgresUrl, 'SELECT n FROM kept')).toEqual([{ n: 7 }]);
  });

  it('the broker keeps a persistent message of a quorum queue over a stop and a kill -9', async () => {
    const put = await amqp.connect(services.amqpUrl);
    const channel = await put.createConfirmChannel();
    await channel.assertQueue('kept', { durable: true, arguments: { 'x-queue-type': 'quorum' } });
    channel.sendToQueue('kept', Buffer.from('still here'), { persistent: true });
    await channel.waitForConfirms();
    put.on('error', () => undefined); // the broker goes away beneath it, on purpose
    // First the stop: RabbitMQ 3.10 writes down a new quorum queue's election only after some seconds, and one that is
    // killed before that never finds a leader for it again.
    await services.rabbitmq.stop();
    await services.rabbitmq.start();
    await services.rabbitmq.kill();
    await services.rabbitmq.start();
    const get = await amqp.connect(services.amqpUrl);
    const again = await get.createChannel();
    const message = await again.get('kept', { noAck: true });
    expect(message && message.content.toString()).toBe('still here');
    await get.close();
  });

  it('the store keeps its objects over a stop, and only hangs while suspended', async () => {
    const { bucket, ...settings } = services.s3;
    const client = new Client({ ...settings, retryOptions: { disableRetry: true } });
    await client.putObject(bucket, 'kept', 'bytes');
    await services.swift.stop();
    await expect(client.statObject(bucket, 'kept')).rejects.toThrow(/ECONNREFUSED/);
    await services.swift.start();
    services.swift.suspend();
    const answer = listed(client, bucket);
    expect(await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 300, 'hangs'))])).toBe('hangs');
    services.swift.resume();
    expect(await answer).toEqual(['kept']);
  });

  it('a second owner of the same folder is refused', async () => {
    await expect(startServices({ stateDir })).rejects.toThrow(/are run by process/);
  });
});

it('a spec gets a database, a vhost and a bucket of its own from the shared services', async () => {
  const [first, second] = [await freshDatabase(), await freshDatabase()];
  await query(first, 'CREATE TABLE mine AS SELECT 1');
  expect(await query(second, `SELECT FROM pg_tables WHERE tablename = 'mine'`)).toEqual([]);
  const connection = await amqp.connect(await freshVhost());
  await connection.close();
  const { bucket, ...settings } = await freshBucket();
  expect(await listed(new Client(settings), bucket)).toEqual([]);
});

it('the services end with the process that started them, even when that is killed', async () => {
  const stateDir = mkdtempSync('/var/tmp/varve-dies-');
  const script = `
    import { startServices } from ${JSON.stringify(join(import.meta.dirname, 'services.ts'))};
    await startServices({ stateDir: ${JSON.stringify(stateDir)}, which: ['postgres'] });
    console.log('up');
    setInterval(() => {}, 1000);`;
  const owner = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(owner.stdout, 'data');
  const postmasters = (): number[] => pidsNaming(join(stateDir, 'postgres'));
  expect(postmasters().length).toBeGreaterThan(0);
  owner.kill('SIGKILL');
  await until('no process of that folder is left', () => postmasters().length === 0);
  const again = await startServices({ stateDir, which: ['postgres'] });
  await again.stop();
  rmSync(stateDir, { recursive: true });
});
