import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { ImageRefusedError, ServiceError } from '@varve/core';
import type { ImageId, ProjectId } from '@varve/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ImageService, NewImage } from '../image-service.port.js';

export interface ImageServiceHarness {
  readonly images: ImageService;
  /** Of one that is not the service user's own. */
  readonly projectId: ProjectId;
  close(): Promise<void>;
}

const PIECE = Buffer.alloc(1 << 20, 7);
const SIZE = 5 << 20;

async function* pieces(breakAfter = Infinity, onPiece: () => void = () => {}): AsyncGenerator<Buffer> {
  for (let at = 0; at < SIZE; at += PIECE.length) {
    if (at >= breakAfter) throw new Error('out of data');
    onPiece();
    yield PIECE;
  }
}

/** What callers rely on in whatever keeps images. */
export function runImageServiceSuite(name: string, makeHarness: () => Promise<ImageServiceHarness>): void {
  describe(`image service ${name}`, () => {
    let harness: ImageServiceHarness;
    let images: ImageService;
    const made: ImageId[] = [];
    beforeAll(async () => {
      harness = await makeHarness();
      images = harness.images;
    });
    afterAll(async () => {
      for (const id of made) await images.delete(id);
      await harness?.close();
    });

    const newImage = (): NewImage => {
      const id = randomUUID() as ImageId;
      made.push(id);
      const properties = { hw_disk_bus: 'virtio', varve_operation: 'x' };
      const sizes = { minDisk: 3, minRam: 64 };
      return {
        id,
        projectId: harness.projectId,
        name: 'täst',
        visibility: 'private',
        diskFormat: 'qcow2',
        ...sizes,
        properties,
      };
    };

    it('makes an image that waits for its content, and has it in the end', async () => {
      const image = newImage();
      expect(await images.find(image.id)).toBeNull();
      expect(await images.create(image)).toBe('made');
      expect(await images.create(image)).toBe('taken');
      expect(await images.find(image.id)).toEqual({
        status: 'queued',
        sizeBytes: null,
        digest: null,
        minDisk: 3,
        minRam: 64,
        properties: image.properties,
      });
      await images.upload(image.id, pieces(), { sizeBytes: SIZE });
      const found = await images.find(image.id);
      expect(found).toMatchObject({ status: 'active', sizeBytes: SIZE });
      const hash = createHash(found?.digest?.algorithm ?? 'none');
      for await (const piece of pieces()) hash.update(piece);
      expect(found?.digest?.hex).toBe(hash.digest('hex'));
      await expect(images.upload(image.id, pieces(), { sizeBytes: SIZE })).rejects.toBeInstanceOf(ImageRefusedError);
    });

    it('deletes one in any state, has nothing to do when it is gone, and never makes it again', async () => {
      const image = newImage();
      await images.delete(image.id);
      await images.create(image);
      await images.delete(image.id);
      await images.delete(image.id);
      expect(await images.find(image.id)).toBeNull();
      expect(await images.create(image)).toBe('taken');
      await expect(images.upload(image.id, pieces(), { sizeBytes: SIZE })).rejects.toBeInstanceOf(ImageRefusedError);
    });

    it('has no half image for a whole one when the content breaks off, or is called off', async () => {
      const image = newImage();
      await images.create(image);
      await expect(images.upload(image.id, pieces(2 << 20), { sizeBytes: SIZE })).rejects.toThrow('out of data');
      expect((await images.find(image.id))?.status).not.toBe('active');
      await images.delete(image.id);

      const other = newImage();
      await images.create(other);
      const calledOff = new AbortController();
      let sent = 0;
      const content = pieces(Infinity, () => {
        if (++sent === 3) calledOff.abort(new Error('called off'));
      });
      await expect(images.upload(other.id, content, { sizeBytes: SIZE, signal: calledOff.signal })).rejects.toThrow(
        'called off',
      );
      expect((await images.find(other.id))?.status).not.toBe('active');
      await images.delete(other.id);
      expect(await images.find(other.id)).toBeNull();
    });

    it('lets an image be deleted while its content comes', async () => {
      const image = newImage();
      await images.create(image);
      const content = (async function* () {
        yield PIECE;
        while ((await images.find(image.id))?.status !== 'saving') await sleep(20);
        await images.delete(image.id);
        for (let at = PIECE.length; at < SIZE; at += PIECE.length) yield PIECE;
      })();
      // Refused at the end, or cut off in the middle.
      await expect(images.upload(image.id, content, { sizeBytes: SIZE })).rejects.toBeInstanceOf(ServiceError);
      expect(await images.find(image.id)).toBeNull();
    });
  });
}
