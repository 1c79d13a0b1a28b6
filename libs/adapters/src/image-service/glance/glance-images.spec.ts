import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ImageRefusedError, ServiceUnavailableError } from '@varve/core';
import type { ImageId, ProjectId } from '@varve/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KeystoneSession } from '../../openstack/index.js';
import { httpUpload } from '../../openstack/http-upload.js';
import { StubCloud } from '../../openstack/testing/stub-cloud.js';
import { GlanceImages } from './glance-images.js';

// What can't be had from the real one at will; all else is in glance-images.openstack.spec.ts.

let cloud: StubCloud;
let images: GlanceImages;
const id = '11111111-1111-4111-8111-111111111111' as ImageId;
beforeEach(async () => {
  cloud = await StubCloud.start();
  images = new GlanceImages(new KeystoneSession(cloud.config));
});
afterEach(() => cloud.close());

const image = {
  id,
  projectId: 'demo' as ProjectId,
  name: 'x',
  visibility: 'private' as const,
  diskFormat: 'qcow2' as const,
  minDisk: 1,
  minRam: 0,
  properties: { hw_disk_bus: 'virtio' },
};

describe('Glance', () => {
  it('makes images in the name of their project', async () => {
    cloud.reply = () => ({ status: 201, body: {} });
    await images.create(image);
    expect(cloud.asked.at(-1)).toMatchObject({
      method: 'POST',
      path: '/v2/images',
      json: { id, owner: 'demo', container_format: 'bare', disk_format: 'qcow2', hw_disk_bus: 'virtio' },
    });
  });

  it('is quoted when it refuses', async () => {
    const body = '<html><title>403 Forbidden</title><body>Attribute os_x is reserved.</body></html>';
    cloud.reply = () => ({ status: 403, body });
    const refused = images.create(image);
    await expect(refused).rejects.toBeInstanceOf(ImageRefusedError);
    await expect(refused).rejects.toThrow('(403): 403 Forbidden Attribute os_x is reserved.');
  });

  it.each([
    ['answers 503', () => ({ status: 503 })],
    ['says what we do not understand', () => ({ status: 200, body: { status: 7 } })],
  ])('counts as away when it %s', async (_, reply) => {
    cloud.reply = reply;
    await expect(images.find(id)).rejects.toBeInstanceOf(ServiceUnavailableError);
  });

  it('tells the digest as we can reckon it, and only the properties that somebody gave the image', async () => {
    const own = {
      id,
      name: 'x',
      owner: 'y',
      checksum: 'z',
      os_hidden: false,
      tags: [],
      stores: 'fs',
      min_disk: 1,
      min_ram: 2,
    };
    const body = {
      ...own,
      status: 'active',
      size: 3,
      os_hash_algo: 'sha3_256',
      os_hash_value: 'ab',
      hw_x: '1',
      odd: 7,
    };
    cloud.reply = () => ({ status: 200, body });
    expect(await images.find(id)).toEqual({
      status: 'active',
      sizeBytes: 3,
      digest: { algorithm: 'sha3-256', hex: 'ab' },
      minDisk: 1,
      minRam: 2,
      properties: { hw_x: '1' },
    });
  });
});

describe('sending a body', () => {
  let close = (): void => undefined;
  afterEach(() => close());

  async function listen(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
    const server = createServer(answer);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    close = () => {
      server.closeAllConnections();
      server.close();
    };
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  }
  const sizeBytes = 64 << 20;
  async function* content(): AsyncGenerator<Buffer> {
    const piece = Buffer.alloc(1 << 20);
    for (let at = 0; at < sizeBytes; at += piece.length) yield piece;
  }
  const send = (url: string, idleMs = 10_000) =>
    httpUpload('image', url, { headers: {}, content: content(), sizeBytes, idleMs });

  it('hears a refusal that comes before all was sent', async () => {
    const url = await listen((request, response) => {
      request.once('data', () => response.writeHead(413).end('Over quota'));
    });
    expect(await send(url)).toMatchObject({ status: 413, text: 'Over quota' });
  });

  it('says so when the other side breaks off', async () => {
    const url = await listen((request) => void request.once('data', () => request.socket.destroy()));
    await expect(send(url)).rejects.toBeInstanceOf(ServiceUnavailableError);
  });

  it('does not wait for ever when nothing moves', async () => {
    const url = await listen((request) => void request.once('data', () => request.pause()));
    await expect(send(url, 300)).rejects.toThrow('nothing moved for 300 ms');
  });

  it('hears an answer that comes long after the last byte, within its patience', async () => {
    const url = await listen((request, response) => {
      request.resume().once('end', () => setTimeout(() => response.writeHead(204).end(), 500));
    });
    expect(await send(url)).toMatchObject({ status: 204 });
  });
});
