import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { NbdClient, NbdError } from './nbd-client.js';

let folder: string;
let server: Server;
/** What the server does with the first request, by its header. */
let answer: (socket: Socket, header: Buffer) => void;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nbd-client-'));
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write(Buffer.concat([Buffer.from('NBDMAGICIHAVEOPT'), Buffer.from([0, 3])]));
    let greeted = false;
    socket.on('data', (data: Buffer) => {
      if (greeted) return answer(socket, data.subarray(0, 28));
      greeted = true;
      socket.write(Buffer.concat([optionReply(3, exportOf(2 ** 20)), optionReply(1, Buffer.alloc(0))]));
    });
  });
  await new Promise<void>((resolve) => server.listen(join(folder, 'socket'), resolve));
});
afterEach(async () => {
  server.close();
  await rm(folder, { recursive: true });
});

function optionReply(type: number, data: Buffer): Buffer {
  const head = Buffer.alloc(20);
  head.writeBigUInt64BE(0x0003e889045565a9n, 0);
  head.writeUInt32BE(7, 8);
  head.writeUInt32BE(type, 12);
  head.writeUInt32BE(data.length, 16);
  return Buffer.concat([head, data]);
}

function exportOf(sizeBytes: number): Buffer {
  const info = Buffer.alloc(12);
  info.writeBigUInt64BE(BigInt(sizeBytes), 2);
  return info;
}

function replyTo(header: Buffer): Buffer {
  const head = Buffer.alloc(16);
  head.writeUInt32BE(0x67446698, 0);
  header.copy(head, 8, 8, 16);
  return head;
}

it('reads what comes in pieces', async () => {
  answer = (socket, header) => {
    socket.write(replyTo(header).subarray(0, 7));
    setImmediate(() => socket.write(Buffer.concat([replyTo(header).subarray(7), Buffer.alloc(4096, 5)])));
  };
  const client = await NbdClient.connect(join(folder, 'socket'));
  expect(client.sizeBytes).toBe(2 ** 20);
  expect(await client.read(0, 4096)).toEqual(Buffer.alloc(4096, 5));
  client.destroy();
});

it.each([
  ['before its answer', (socket: Socket) => socket.destroy()],
  ['amid the head of its answer', (socket: Socket, header: Buffer) => socket.end(replyTo(header).subarray(0, 7))],
  ['amid the bytes that it asked for', (socket: Socket, header: Buffer) => socket.end(replyTo(header))],
])('fails a request when the server goes away %s', async (_, breakOff) => {
  answer = breakOff;
  const client = await NbdClient.connect(join(folder, 'socket'));
  await expect(client.read(0, 4096)).rejects.toBeInstanceOf(NbdError);
  await expect(client.read(0, 4096)).rejects.toMatchObject({ errno: null });
});
