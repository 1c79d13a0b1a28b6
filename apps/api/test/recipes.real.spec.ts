import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { EVENTS_EXCHANGE, VarveEvent } from '@varve/contracts';
import { connect } from 'amqplib';
import { expect, it } from 'vitest';
import { freshVhost, userWith } from '../../../testbed/services/shared.ts';
import { until } from '../../../testbed/services/until.ts';

// The consumers of the documentation, as they are there, with the rights that it gives them.

const PROGRAMS = resolve(import.meta.dirname, '../../../docs/programs');
const NODE_MODULES = resolve(import.meta.dirname, '../../../node_modules');

const failed = (id: string, message: string) =>
  VarveEvent.parse({
    specversion: '1.0',
    id,
    source: '/varve/hosts/node-1',
    type: 'snapshot.failed',
    subject: '11111111-1111-4111-8111-111111111111',
    time: '2026-11-23T01:00:00.000Z',
    datacontenttype: 'application/json',
    data: {
      operationId: '22222222-2222-4222-8222-222222222222',
      instanceId: '11111111-1111-4111-8111-111111111111',
      snapshotUid: '33333333-3333-4333-8333-333333333333',
      problem: { code: 'store_unavailable', remedy: 'retry', message, facts: {} },
    },
  });

const ended = (child: ChildProcess): Promise<unknown> => new Promise((done) => child.once('close', done));

it.each([
  // Debian's, which has Debian's pika.
  ['/usr/bin/python3', 'consumer.py'],
  [join(NODE_MODULES, '.bin/node'), 'consumer.ts'],
])('%s %s tells each failed snapshot once, and takes what came while it was away', async (program, file) => {
  const folder = await mkdtemp(join(tmpdir(), 'varve-recipe-'));
  const vhost = await freshVhost();
  const connection = await connect(vhost);
  const running: ChildProcess[] = [];
  try {
    const channel = await connection.createConfirmChannel();
    await channel.assertExchange(EVENTS_EXCHANGE, 'topic', { durable: true });
    // As in the recipe.
    const AMQP_URL = await userWith(vhost, {
      configure: String.raw`^ear\..*$`,
      write: String.raw`^ear\..*$`,
      read: String.raw`^(ear\..*|varve\.events)$`,
    });
    await writeFile(join(folder, file), await readFile(join(PROGRAMS, file)));
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
    await symlink(NODE_MODULES, join(folder, 'node_modules'));
    let out = '';
    let err = '';
    const start = async (): Promise<ChildProcess> => {
      err = '';
      const child = spawn(program, [join(folder, file)], { env: { PATH: process.env['PATH'], AMQP_URL } });
      running.push(child);
      child.stdout.on('data', (bytes: Buffer) => (out += bytes.toString()));
      child.stderr.on('data', (bytes: Buffer) => (err += bytes.toString()));
      await until(`${file} listens`, () => {
        if (child.exitCode !== null) throw new Error(err);
        return err.includes('listening');
      });
      return child;
    };
    const send = async (event: VarveEvent): Promise<void> => {
      channel.publish(EVENTS_EXCHANGE, event.type, Buffer.from(JSON.stringify(event)), { persistent: true });
      await channel.waitForConfirms();
    };

    const first = await start();
    await send(failed('1', 'The store is away'));
    await send(failed('1', 'The store is away'));
    await send(failed('2', 'Still away'));
    await until('both are told', () => out.includes('Still away'));
    const line = '2026-11-23T01:00:00.000Z 11111111-1111-4111-8111-111111111111';
    expect(out.split('\n').map((one) => one.trim())).toEqual([
      `${line}: The store is away (store_unavailable)`,
      `${line}: Still away (store_unavailable)`,
      '',
    ]);
    first.kill('SIGINT');
    await ended(first);
    await send(failed('3', 'While nobody listened'));
    await start();
    await until('it is told later', () => out.includes('While nobody listened'));
  } finally {
    for (const child of running.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)) {
      const over = ended(child);
      child.kill('SIGKILL');
      await over;
    }
    await connection.close();
    await rm(folder, { recursive: true });
  }
});
