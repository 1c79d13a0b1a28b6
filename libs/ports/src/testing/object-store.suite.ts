import { randomBytes, randomUUID } from 'node:crypto';
import { ObjectCorruptError, ObjectMissingError, ServiceError } from '@varve/core';
import { beforeEach, describe, expect, it } from 'vitest';
import type { ObjectStore, PartReceipt } from '../object-store.port.js';

/**
 * What callers of an object store rely on, whatever it is made of.
 *
 * @param makeStore - a store that can be used; others may have objects in it
 */
export function runObjectStoreSuite(name: string, makeStore: () => Promise<ObjectStore>): void {
  describe(`object store ${name}`, () => {
    let store: ObjectStore;
    let prefix: string;
    /** Large enough to be a part that isn't the last. */
    let partBytes: number;

    beforeEach(async () => {
      store = await makeStore();
      prefix = `project/${randomUUID()}/layers`;
      partBytes = Math.max(store.partLimits.minBytes, 64 * 1024);
    });

    const keysOf = async (under: string): Promise<string[]> => {
      const keys: string[] = [];
      for await (const { key } of store.list(under)) keys.push(key);
      return keys;
    };
    const uploadsOf = async (under: string): Promise<string[]> => {
      const keys: string[] = [];
      for await (const { key } of store.listUploads(under)) keys.push(key);
      return keys;
    };

    it('answers a probe', async () => {
      await expect(store.probe()).resolves.toBeUndefined();
    });

    it('says that an object is absent, which is no error', async () => {
      const key = `${prefix}/absent.json`;
      expect(await store.get(key)).toBeNull();
      expect(await store.stat(key)).toBeNull();
      await expect(store.delete(key)).resolves.toBeUndefined();
      expect(await keysOf(prefix)).toEqual([]);
      expect(await uploadsOf(prefix)).toEqual([]);
      await expect(store.getRange(key, 0, 1)).rejects.toBeInstanceOf(ObjectMissingError);
    });

    it('gives back what was put, and replaces it', async () => {
      const key = `${prefix}/a.json`;
      const first = randomBytes(100_000);
      await store.put(key, first);
      expect((await store.get(key))?.equals(first)).toBe(true);
      expect(await store.stat(key)).toEqual({ sizeBytes: 100_000 });

      await store.put(key, Buffer.from('second'));
      expect((await store.get(key))?.toString()).toBe('second');
      await store.put(key, Buffer.alloc(0));
      expect((await store.get(key))?.length).toBe(0);
      expect(await store.stat(key)).toEqual({ sizeBytes: 0 });

      await store.delete(key);
      expect(await store.get(key)).toBeNull();
    });

    it('gives any range, and notices that the object ends before the range does', async () => {
      const key = `${prefix}/a.qcow2.zst`;
      const bytes = randomBytes(10_000);
      await store.put(key, bytes);
      for (const [offset, length] of [
        [0, 1],
        [0, 10_000],
        [1, 9_999],
        [9_999, 1],
        [4_000, 96],
        [7, 0],
      ] as const) {
        expect((await store.getRange(key, offset, length)).equals(bytes.subarray(offset, offset + length))).toBe(true);
      }
      await expect(store.getRange(key, 9_999, 2)).rejects.toBeInstanceOf(ObjectCorruptError);
      await expect(store.getRange(key, 20_000, 1)).rejects.toBeInstanceOf(ObjectCorruptError);
    });

    it('lists finished objects in the order of their keys', async () => {
      const names = ['b/x.json', 'a.json', 'a/x.json', 'a/x.qcow2.zst', 'a-1/x.json', 'b.json'];
      for (const name of names) await store.put(`${prefix}/${name}`, Buffer.from(name));
      const all = names.map((name) => `${prefix}/${name}`).sort();
      expect(await keysOf(`${prefix}/`)).toEqual(all);
      expect(await keysOf(`${prefix}/a/`)).toEqual(all.filter((key) => key.includes('/a/')));
      expect(await keysOf(`${prefix}/a`)).toEqual(all.filter((key) => key.startsWith(`${prefix}/a`)));
      expect(await keysOf(`${prefix}/a/x.q`)).toEqual([`${prefix}/a/x.qcow2.zst`]);
      for await (const { sizeBytes } of store.list(`${prefix}/b.json`)) expect(sizeBytes).toBe('b.json'.length);
    });

    it('shows nothing of an object until all its parts are put together', async () => {
      const key = `${prefix}/a.qcow2.zst`;
      const bytes = randomBytes(2 * partBytes + 1000);
      const upload = await store.openUpload(key);
      expect(await upload.kept(1, 0, bytes.subarray(0, partBytes))).toBeNull();
      const third = await upload.put(3, 2 * partBytes, bytes.subarray(2 * partBytes));
      const [first, second] = await Promise.all([
        upload.put(1, 0, bytes.subarray(0, partBytes)),
        upload.put(2, partBytes, bytes.subarray(partBytes, 2 * partBytes)),
      ]);
      expect(third).toMatchObject({ number: 3, sizeBytes: 1000 });
      expect(await store.stat(key)).toBeNull();
      expect(await store.get(key)).toBeNull();
      expect(await keysOf(prefix)).toEqual([]);
      expect(await uploadsOf(prefix)).toEqual([key]);

      await upload.complete([first, second, third]);
      expect(await store.stat(key)).toEqual({ sizeBytes: bytes.length });
      expect((await store.getRange(key, 0, bytes.length)).equals(bytes)).toBe(true);
      expect(
        (await store.getRange(key, partBytes - 10, 20)).equals(bytes.subarray(partBytes - 10, partBytes + 10)),
      ).toBe(true);
      expect(await keysOf(prefix)).toEqual([key]);
      expect(await uploadsOf(prefix)).toEqual([]);
    });

    it('puts together once, however often it is asked to', async () => {
      const key = `${prefix}/a.qcow2.zst`;
      const upload = await store.openUpload(key);
      const parts = [await upload.put(1, 0, Buffer.from('whole'))];
      await upload.complete(parts);
      await expect(upload.complete(parts)).resolves.toBeUndefined();
      expect((await store.get(key))?.toString()).toBe('whole');
    });

    it('lets a later life go on with the parts that are there', async () => {
      const key = `${prefix}/a.qcow2.zst`;
      const bytes = randomBytes(partBytes + 500);
      const [head, tail] = [bytes.subarray(0, partBytes), bytes.subarray(partBytes)];
      const before = await (await store.openUpload(key)).put(1, 0, head);

      const again = await store.openUpload(key);
      expect(await again.kept(1, 0, head)).toEqual(before);
      expect(await again.kept(2, partBytes, tail)).toBeNull();
      const last = await again.put(2, partBytes, tail);
      const once = await store.openUpload(key);
      expect(await once.kept(2, partBytes, tail)).toEqual(last);
      expect(await once.kept(1, 0, head)).toEqual(before);
      await once.complete([before, last]);
      expect((await store.getRange(key, 0, bytes.length)).equals(bytes)).toBe(true);
    });

    it('does not take another part for one that it kept', async () => {
      const key = `${prefix}/a.qcow2.zst`;
      const bytes = randomBytes(partBytes);
      await (await store.openUpload(key)).put(1, 0, bytes);
      const again = await store.openUpload(key);
      const other = Buffer.from(bytes);
      other.writeUInt8(other.readUInt8(partBytes - 1) ^ 1, partBytes - 1);
      expect(await again.kept(1, 0, other)).toBeNull();
      expect(await again.kept(1, 0, bytes.subarray(1))).toBeNull();
      expect(await again.kept(2, partBytes, bytes)).toBeNull();
      expect(await again.kept(1, 0, bytes)).not.toBeNull();
      await again.abort();
    });

    it('takes a part again, with other bytes', async () => {
      const key = `${prefix}/a.qcow2.zst`;
      const upload = await store.openUpload(key);
      await upload.put(1, 0, randomBytes(partBytes));
      const bytes = randomBytes(partBytes + 1);
      const parts: PartReceipt[] = [
        await upload.put(1, 0, bytes.subarray(0, partBytes)),
        await upload.put(2, partBytes, bytes.subarray(partBytes)),
      ];
      // One more than the object has in the end: an earlier life cut it differently.
      await upload.put(3, partBytes + 1, randomBytes(100));
      await upload.complete(parts);
      expect((await store.getRange(key, 0, bytes.length)).equals(bytes)).toBe(true);
      expect(await store.stat(key)).toEqual({ sizeBytes: bytes.length });
    });

    it('does not make an object of parts that it was not given', async () => {
      const key = `${prefix}/a.qcow2.zst`;
      const upload = await store.openUpload(key);
      const first = await upload.put(1, 0, randomBytes(partBytes));
      const never = { number: 2, sizeBytes: 3, etag: '900150983cd24fb0d6963f7d28e17f72' };
      await expect(upload.complete([first, never])).rejects.toBeInstanceOf(ServiceError);
      expect(await store.stat(key)).toBeNull();
      await upload.abort();
    });

    it('replaces an object by one of several parts', async () => {
      const key = `${prefix}/a.qcow2.zst`;
      await store.put(key, Buffer.from('left behind by a crash'));
      const bytes = randomBytes(partBytes + 1);
      const upload = await store.openUpload(key);
      const parts = [
        await upload.put(1, 0, bytes.subarray(0, partBytes)),
        await upload.put(2, partBytes, bytes.subarray(partBytes)),
      ];
      expect((await store.get(key))?.toString()).toBe('left behind by a crash');
      await upload.complete(parts);
      expect((await store.getRange(key, 0, bytes.length)).equals(bytes)).toBe(true);
    });

    it('leaves nothing of an upload that is given up', async () => {
      const key = `${prefix}/a.qcow2.zst`;
      await (await store.openUpload(key)).abort();
      expect(await uploadsOf(prefix)).toEqual([]);

      const upload = await store.openUpload(key);
      const bytes = randomBytes(1000);
      await upload.put(1, 0, bytes);
      await (await store.openUpload(key)).abort();
      await expect(upload.abort()).resolves.toBeUndefined();
      expect(await uploadsOf(prefix)).toEqual([]);
      expect(await store.stat(key)).toBeNull();
      expect(await (await store.openUpload(key)).kept(1, 0, bytes)).toBeNull();
    });

    it('keeps two uploads at once apart', async () => {
      const bodies = [randomBytes(partBytes + 10), randomBytes(partBytes + 20)];
      await Promise.all(
        bodies.map(async (bytes, i) => {
          const upload = await store.openUpload(`${prefix}/${i}.qcow2.zst`);
          const parts = await Promise.all([
            upload.put(1, 0, bytes.subarray(0, partBytes)),
            upload.put(2, partBytes, bytes.subarray(partBytes)),
          ]);
          await upload.complete(parts);
        }),
      );
      for (const [i, bytes] of bodies.entries()) {
        expect((await store.getRange(`${prefix}/${i}.qcow2.zst`, 0, bytes.length)).equals(bytes)).toBe(true);
      }
    });

    it.each(['../outside', 'a/../b', '/a', 'a//b', '.hidden', 'a/.uploads', ''])(
      'does not take %j for a key',
      async (key) => {
        await expect(store.put(key, Buffer.alloc(1))).rejects.toThrow('Not an object key');
      },
    );
  });
}
