import { randomUUID } from 'node:crypto';
import { open, readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ObjectCorruptError, ObjectMissingError, StoreUnavailableError } from '@varve/core';
import type { ObjectStore, PartUpload } from '@varve/ports';
import type { FilesystemStoreConfig } from '../config.js';
import { assertKey } from '../keys.js';
import { makeDirectories, readFully, syncDirectory, writeFully } from './durable.js';
import { codeOf, storeError } from './errors.js';
import { FilesystemPartUpload, startOfUpload } from './filesystem-part-upload.js';

/** Holds what is not an object yet. On the objects' own file system, so that a rename makes it one. */
const UPLOADS = '.uploads';

/** Objects as plain files below one folder, named by their keys. Good for a disk and for a mounted file server. */
export class FilesystemObjectStore implements ObjectStore {
  readonly partLimits = { minBytes: 1, maxBytes: 2 ** 30, maxParts: 1_000_000 };

  constructor(private readonly config: Omit<FilesystemStoreConfig, 'kind'>) {}

  async openUpload(key: string): Promise<PartUpload> {
    return this.run(() =>
      FilesystemPartUpload.open({
        key,
        root: this.config.root,
        uploads: join(this.config.root, UPLOADS),
        target: this.pathOf(key),
      }),
    );
  }

  async put(key: string, bytes: Buffer): Promise<void> {
    const target = this.pathOf(key);
    await this.run(async () => {
      const uploads = join(this.config.root, UPLOADS);
      await makeDirectories(this.config.root, uploads);
      const temporary = join(uploads, `${randomUUID()}.tmp`);
      try {
        const file = await open(temporary, 'wx', 0o600);
        try {
          await writeFully(file, bytes, 0);
          await file.sync();
        } finally {
          await file.close();
        }
        await makeDirectories(this.config.root, dirname(target));
        await rename(temporary, target);
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
      await syncDirectory(dirname(target));
    });
  }

  async get(key: string): Promise<Buffer | null> {
    const path = this.pathOf(key);
    return this.run(async () => {
      const bytes = await readFile(path).catch(absent);
      // Who put it may have died before its name was on the disk; whoever finds it takes it for stored.
      if (bytes) await syncDirectory(dirname(path));
      return bytes;
    });
  }

  async getRange(key: string, offset: number, length: number): Promise<Buffer> {
    const path = this.pathOf(key);
    return this.run(async () => {
      const file = await open(path, 'r').catch(absent);
      if (!file) throw new ObjectMissingError(key);
      try {
        const bytes = await readFully(file, offset, length);
        if (bytes.length < length) {
          throw new ObjectCorruptError(key, `it ends at ${offset + bytes.length}, before ${offset + length}`);
        }
        return bytes;
      } finally {
        await file.close();
      }
    });
  }

  async stat(key: string): Promise<{ sizeBytes: number } | null> {
    const path = this.pathOf(key);
    const found = await this.run(() => stat(path).catch(absent));
    return found && { sizeBytes: found.size };
  }

  async delete(key: string): Promise<void> {
    const path = this.pathOf(key);
    await this.run(async () => {
      await rm(path, { force: true });
      await syncDirectory(dirname(path)).catch(absent);
    });
  }

  async *list(prefix: string): AsyncIterable<{ key: string; sizeBytes: number }> {
    await this.run(() => Promise.resolve());
    // The deepest folder that holds all of the prefix; below it every key is compared.
    const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
    for await (const key of this.keysBelow(folder, prefix)) {
      const found = await this.stat(key);
      if (found) yield { key, sizeBytes: found.sizeBytes };
    }
  }

  async *listUploads(prefix: string): AsyncIterable<{ key: string; startedAt: Date }> {
    const uploads = join(this.config.root, UPLOADS);
    const found = await this.run(async () => {
      const names = (await readdir(uploads).catch(absent)) ?? [];
      return Promise.all(names.map((name) => startOfUpload(join(uploads, name))));
    });
    const ours = found.flatMap((upload) => (upload?.key.startsWith(prefix) ? [upload] : []));
    yield* ours.sort((a, b) => a.startedAt.getTime() - b.startedAt.getTime());
  }

  async probe(): Promise<void> {
    await this.run(async () => {
      const uploads = join(this.config.root, UPLOADS);
      await makeDirectories(this.config.root, uploads);
      const temporary = join(uploads, `${randomUUID()}.tmp`);
      try {
        const file = await open(temporary, 'wx', 0o600);
        try {
          await writeFully(file, Buffer.from('probe'), 0);
          await file.sync();
        } finally {
          await file.close();
        }
      } finally {
        await rm(temporary, { force: true });
      }
    });
  }

  private pathOf(key: string): string {
    assertKey(key);
    return join(this.config.root, key);
  }

  /** In the order of keys: a folder sorts as its name with the slash that follows it in every key. */
  private async *keysBelow(folder: string, prefix: string): AsyncIterable<string> {
    const path = join(this.config.root, folder);
    const entries = (await this.run(() => readdir(path, { withFileTypes: true }).catch(absent))) ?? [];
    const names = entries
      .filter((entry) => entry.isDirectory() || entry.isFile())
      .map((entry) => `${folder}${entry.name}${entry.isDirectory() ? '/' : ''}`)
      .filter((name) => !name.startsWith('.') && (name.startsWith(prefix) || prefix.startsWith(name)))
      .sort((a, b) => (a < b ? -1 : 1));
    for (const name of names) {
      if (name.endsWith('/')) yield* this.keysBelow(name, prefix);
      else yield name;
    }
  }

  /** A file server that is away must not look like an empty store, nor be made anew on the disk beneath it. */
  private async assertRoot(): Promise<void> {
    const { root, mountRequired } = this.config;
    const found = await stat(root).catch(absent);
    if (!found?.isDirectory()) {
      throw new StoreUnavailableError('The store’s folder is not there: is its file system mounted?');
    }
    if (mountRequired && found.dev === (await stat(dirname(root))).dev) {
      throw new StoreUnavailableError('No file system is mounted on the store’s folder');
    }
  }

  private async run<T>(action: () => Promise<T>): Promise<T> {
    try {
      await this.assertRoot();
      return await action();
    } catch (error) {
      throw storeError(error);
    }
  }
}

/** For `catch`: what isn't there is an answer. */
function absent(error: unknown): null {
  if (codeOf(error) === 'ENOENT') return null;
  throw error;
}
