import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { DataSource } from 'typeorm';
import { expect, it, onTestFinished, vi } from 'vitest';
import { dataSourceOptions } from './data-source-options.js';

/** A message of PostgreSQL's protocol. */
function message(type: string, body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(type), length, body]);
}

const LET_IN = message('R', Buffer.alloc(4));
const READY = message('Z', Buffer.from('I'));
const SHUTTING_DOWN = message(
  'E',
  Buffer.from('SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0'),
);

it('a database that shuts down just as it lets us in is an error of the one who asked, and not the end of the process', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined); // the other side goes when it wants to
    socket.once('data', () => socket.end(Buffer.concat([LET_IN, READY, SHUTTING_DOWN])));
  });
  onTestFinished(() => void server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const uncaught = vi.fn();
  process.on('uncaughtException', uncaught);
  onTestFinished(() => void process.off('uncaughtException', uncaught));

  const url = `postgres://varve@127.0.0.1:${port}/varve`;
  const source = new DataSource(dataSourceOptions({ url, applicationName: 'spec' }, []));
  await expect(source.initialize()).rejects.toThrow();
  expect(uncaught).not.toHaveBeenCalled();
});
