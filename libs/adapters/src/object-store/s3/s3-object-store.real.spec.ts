import { randomBytes } from 'node:crypto';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { StoreRefusedError, StoreUnavailableError } from '@varve/core';
import { runObjectStoreSuite } from '@varve/ports/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshBucket } from '../../../../../testbed/services/shared.js';
import { S3StoreConfig } from '../config.js';
import { createObjectStore } from '../create-object-store.js';
import { S3ObjectStore } from './s3-object-store.js';

let config: S3StoreConfig;
beforeAll(async () => {
  const { endPoint, port, bucket, accessKey, secretKey, region } = await freshBucket();
  const endpoint = `http://${endPoint}:${port}`;
  config = S3StoreConfig.parse({ kind: 's3', endpoint, bucket, accessKey, secretKey, region });
});

// With the retries, as the apps have it.
runObjectStoreSuite('s3 on Swift', async () => createObjectStore(config));

describe('the s3 store', () => {
  const key = 'project/instance/object';

  it.each([
    ['wrong secret', { secretKey: 'not-the-secret' }],
    ['unknown user', { accessKey: 'nobody:nobody' }],
    ['no such bucket', { bucket: 'no-such-bucket' }],
  ])('%s: refused by every call, with no object that seems absent', async (_, wrong) => {
    const store = new S3ObjectStore({ ...config, ...wrong });
    const calls = [
      () => store.probe(),
      () => store.put(key, Buffer.from('x')),
      () => store.get(key),
      () => store.stat(key),
      () => store.getRange(key, 0, 1),
      () => store.openUpload(key),
      () => store.list('')[Symbol.asyncIterator]().next(),
    ];
    for (const call of calls) await expect(call()).rejects.toBeInstanceOf(StoreRefusedError);
  });

  it('nobody listens: away, after its tries', async () => {
    const server = createServer();
    const port = await listen(server);
    server.close();
    const store = createObjectStore({ ...config, endpoint: `http://127.0.0.1:${port}`, attempts: 2 });
    await expect(store.get(key)).rejects.toBeInstanceOf(StoreUnavailableError);
  });

  it('refuses connections no longer than the tries last', async () => {
    const { store, tries, close } = await storeBehind((socket) => socket.destroy(), { attempts: 3 });
    await expect(store.put(key, Buffer.alloc(10))).rejects.toBeInstanceOf(StoreUnavailableError);
    expect(tries()).toBe(3);
    close();
  });

  it('takes the request and never answers: away when the deadline has passed, its sockets closed', async () => {
    const { store, open, close } = await storeBehind((socket) => socket.resume(), { attempts: 1, deadlineMs: 300 });
    const began = performance.now();
    for (const call of [() => store.get(key), () => store.put(key, randomBytes(2 ** 20)), () => store.probe()]) {
      await expect(call()).rejects.toBeInstanceOf(StoreUnavailableError);
    }
    expect(performance.now() - began).toBeLessThan(30_000);
    await expect.poll(open).toBe(0);
    close();
  });

  it('stops in the middle of an answer: away', async () => {
    const cutOff = (socket: Socket): void =>
      void socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this'));
    const { store, close } = await storeBehind(cutOff, { attempts: 1 });
    await expect(store.get(key)).rejects.toBeInstanceOf(StoreUnavailableError);
    await expect(store.getRange(key, 0, 1000)).rejects.toBeInstanceOf(StoreUnavailableError);
    close();
  });

  it('hangs in the middle of an answer: away when the deadline has passed', async () => {
    const hang = (socket: Socket): void =>
      void socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this'));
    const { store, close } = await storeBehind(hang, { attempts: 1, deadlineMs: 300 });
    await expect(store.get(key)).rejects.toBeInstanceOf(StoreUnavailableError);
    await expect(store.getRange(key, 0, 1000)).rejects.toBeInstanceOf(StoreUnavailableError);
    close();
  });

  it.each([
    [500, StoreUnavailableError],
    [503, StoreUnavailableError],
    [429, StoreUnavailableError],
    [507, StoreRefusedError],
    [413, StoreRefusedError],
  ])('answers with status %i', async (status, expected) => {
    const answer = (socket: Socket): void =>
      void socket.on('data', () => socket.write(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`));
    const { store, close } = await storeBehind(answer, { attempts: 2 });
    await expect(store.get(key)).rejects.toBeInstanceOf(expected);
    close();
  });

  it('comes back: the call goes through, and nobody hears of it', async () => {
    let refusals = 2;
    const { store, close } = await storeBehind(
      (socket) =>
        refusals-- > 0
          ? socket.destroy()
          : void socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nback')),
      { attempts: 4 },
    );
    expect((await store.get(key))?.toString()).toBe('back');
    close();
  });

  it('notices bytes that were damaged on the way, and sends them again', async () => {
    const { hostname, port } = new URL(config.endpoint);
    let damages = 0;
    const { store, close } = await storeBehind(
      (socket) => {
        const swift = connect(Number(port), hostname);
        let passed = 0;
        swift.on('error', () => socket.destroy());
        socket.on('close', () => swift.destroy());
        socket.on('data', (bytes) => {
          passed += bytes.length;
          // In the middle of a part, long after its headers.
          if (passed > 500_000 && damages === 0) {
            bytes.writeUInt8(bytes.readUInt8(0) ^ 1, 0);
            damages++;
          }
          swift.write(bytes);
        });
        swift.on('data', (bytes) => socket.write(bytes));
      },
      { attempts: 3 },
    );
    const bytes = randomBytes(2 ** 20);
    const upload = await store.openUpload(key);
    await upload.complete([await upload.put(1, 0, bytes)]);
    expect(damages).toBe(1);
    expect((await store.get(key))?.equals(bytes)).toBe(true);
    close();
  });

  const servers: { close: () => void }[] = [];
  afterAll(() => servers.forEach((server) => server.close()));

  /** A store whose server does with each connection what it is told. */
  async function storeBehind(behave: (socket: Socket) => unknown, settings: Partial<S3StoreConfig>) {
    const sockets = new Set<Socket>();
    let tries = 0;
    const server = createServer((socket) => {
      tries++;
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => sockets.delete(socket));
      behave(socket);
    });
    const port = await listen(server);
    const close = (): void => {
      server.close();
      for (const socket of sockets) socket.destroy();
    };
    servers.push({ close });
    const store = createObjectStore({ ...config, endpoint: `http://127.0.0.1:${port}`, ...settings });
    return { store, tries: () => tries, open: () => sockets.size, close };
  }
});

const listen = (server: ReturnType<typeof createServer>): Promise<number> =>
  new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)));
