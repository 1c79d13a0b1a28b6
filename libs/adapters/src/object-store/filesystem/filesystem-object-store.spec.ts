import { randomBytes } from 'node:crypto';
import { appendFile, chmod, mkdir, mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StoreUnavailableError } from '@varve/core';
import { runObjectStoreSuite } from '@varve/ports/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { watchSyncs } from '../../../../../testbed/watch-syncs.ts';
import { FilesystemObjectStore } from './filesystem-object-store.js';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'varve-store-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const makeStore = async (): Promise<FilesystemObjectStore> => {
  const store = join(root, String(Math.random()));
  await mkdir(store);
  return new FilesystemObjectStore({ root: store, mountRequired: false });
};

runObjectStoreSuite('filesystem', makeStore);

describe('the filesystem store', () => {
  it('does not make a folder that is missing: its file server may be away', async () => {
    const store = new FilesystemObjectStore({ root: join(root, 'away'), mountRequired: false });
    await expect(store.put('a/b', Buffer.alloc(1))).rejects.toBeInstanceOf(StoreUnavailableError);
    await expect(store.get('a/b')).rejects.toBeInstanceOf(StoreUnavailableError);
    await expect(store.stat('a/b')).rejects.toBeInstanceOf(StoreUnavailableError);
    await expect(store.openUpload('a/b')).rejects.toBeInstanceOf(StoreUnavailableError);
    await expect(store.probe()).rejects.toBeInstanceOf(StoreUnavailableError);
    await expect(store.list('')[Symbol.asyncIterator]().next()).rejects.toBeInstanceOf(StoreUnavailableError);
    expect(await readdir(root)).not.toContain('away');
  });

  it('is away when an upload’s folder vanishes under it', async () => {
    const at = join(root, 'vanishing');
    await mkdir(at);
    const store = new FilesystemObjectStore({ root: at, mountRequired: false });
    const upload = await store.openUpload('a/b');
    const part = await upload.put(1, 0, Buffer.from('one'));
    await rm(at, { recursive: true });
    await expect(upload.put(2, 3, Buffer.from('two'))).rejects.toBeInstanceOf(StoreUnavailableError);
    await expect(upload.complete([part])).rejects.toBeInstanceOf(StoreUnavailableError);
    expect(await readdir(root)).not.toContain('vanishing');
  });

  it('takes an empty mount point for a file server that is away', async () => {
    const at = join(root, 'mount-point');
    await mkdir(at);
    const store = new FilesystemObjectStore({ root: at, mountRequired: true });
    await expect(store.probe()).rejects.toBeInstanceOf(StoreUnavailableError);
    // Of every Linux: a file system of its own.
    const mounted = new FilesystemObjectStore({ root: '/dev', mountRequired: true });
    expect(await mounted.stat('nothing-of-that-name')).toBeNull();
  });

  it('goes on after a power cut that tore the last receipt', async () => {
    const at = join(root, 'torn');
    await mkdir(at);
    const store = new FilesystemObjectStore({ root: at, mountRequired: false });
    const [one, two] = [Buffer.from('one'), Buffer.from('two')];
    const first = await (await store.openUpload('a/b')).put(1, 0, one);
    const receipts = join(at, '.uploads', 'a+b.receipts');
    await appendFile(receipts, '{"number":2,"offs');

    const again = await store.openUpload('a/b');
    expect(await again.kept(1, 0, one)).toEqual(first);
    expect(await again.kept(2, 3, two)).toBeNull();
    const second = await again.put(2, 3, two);
    const third = await store.openUpload('a/b');
    expect([await third.kept(1, 0, one), await third.kept(2, 3, two)]).toEqual([first, second]);
    await third.complete([first, second]);
    expect((await store.get('a/b'))?.toString()).toBe('onetwo');
    expect(await readdir(join(at, '.uploads'))).toEqual([]);
  });

  it('forgets receipts of a file that is gone, and of one that holds less than they say', async () => {
    const at = join(root, 'lost');
    await mkdir(at);
    const store = new FilesystemObjectStore({ root: at, mountRequired: false });
    const bytes = randomBytes(100);
    await (await store.openUpload('a/b')).put(1, 0, bytes);
    await truncate(join(at, '.uploads', 'a+b.partial'), 50);
    expect(await (await store.openUpload('a/b')).kept(1, 0, bytes)).toBeNull();
    await rm(join(at, '.uploads', 'a+b.partial'));
    expect(await (await store.openUpload('a/b')).kept(1, 0, bytes)).toBeNull();
  });

  it('does not believe a receipt of a part that a power cut kept from the disk', async () => {
    const at = join(root, 'unwritten');
    await mkdir(at);
    const store = new FilesystemObjectStore({ root: at, mountRequired: false });
    const bytes = randomBytes(100);
    await (await store.openUpload('a/b')).put(1, 0, bytes);
    // As long as it was, and of zeros: what a file system does with blocks that it has promised and not written.
    await writeFile(join(at, '.uploads', 'a+b.partial'), Buffer.alloc(100));
    const again = await store.openUpload('a/b');
    expect(await again.kept(1, 0, bytes)).toBeNull();
    await again.complete([await again.put(1, 0, bytes)]);
    expect((await store.get('a/b'))?.equals(bytes)).toBe(true);
  });

  it('leaves no temporary file behind a put that failed', async () => {
    const at = join(root, 'blocked');
    await mkdir(at);
    const store = new FilesystemObjectStore({ root: at, mountRequired: false });
    await store.put('a/b', Buffer.from('an object where a folder is needed'));
    await expect(store.put('a/b/c', Buffer.alloc(1))).rejects.toMatchObject({ code: 'store_refused' });
    expect(await readdir(join(at, '.uploads'))).toEqual([]);
    await chmod(at, 0o700);
  });

  it('syncs the name of what is found before anybody goes by it: who put it may have died before', async () => {
    const at = join(root, 'unsynced');
    await mkdir(join(at, 'a/b'), { recursive: true });
    await writeFile(join(at, 'a/b/c'), 'put');
    const store = new FilesystemObjectStore({ root: at, mountRequired: false });
    const synced = await watchSyncs();
    expect((await store.get('a/b/c'))?.toString()).toBe('put');
    expect(synced).toContain(join(at, 'a/b'));
    expect(await store.get('a/b/d')).toBeNull();
    expect(await store.get('a/none/d')).toBeNull();
  });

  it('syncs the folders that an object lies in, whoever made them', async () => {
    const at = join(root, 'made');
    await mkdir(join(at, 'a/b'), { recursive: true });
    const store = new FilesystemObjectStore({ root: at, mountRequired: false });
    const synced = await watchSyncs();
    await store.put('a/b/c', Buffer.from('put'));
    expect(synced).toEqual(expect.arrayContaining([at, join(at, 'a'), join(at, 'a/b')]));
  });
});
