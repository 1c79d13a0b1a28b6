import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ConflictError, ObjectCorruptError, StoreUnavailableError } from '@varve/core';
import type { PartReceipt, PartUpload } from '@varve/ports';
import { z } from 'zod';
import { makeDirectories, readFully, syncDirectory, writeFully } from './durable.js';
import { codeOf, storeError } from './errors.js';

const Header = z.object({ version: z.literal(1), key: z.string(), startedAt: z.iso.datetime() });
type Header = z.infer<typeof Header>;
const Line = z.object({
  number: z.int().min(1),
  offset: z.int().min(0),
  sizeBytes: z.int().min(0),
});
type Line = z.infer<typeof Line>;

interface Places {
  readonly key: string;
  readonly root: string;
  /** Where files lie until they are objects. */
  readonly uploads: string;
  readonly target: string;
}

/**
 * An object under way is two files: `<name>.partial`, which the parts are written into where they belong, and
 * `<name>.receipts`, one line for each part that is in it. Renaming the first makes it the object.
 *
 * Only the whole is synced, before the rename: a power cut may leave receipts of parts that the disk has not got, and
 * so a part of an earlier life counts only once it has been read back.
 */
export class FilesystemPartUpload implements PartUpload {
  private prepared: Promise<void> | null = null;
  /** Of parts that an earlier life wrote down. */
  private readonly earlier: Map<number, Line>;

  private constructor(
    private readonly places: Places,
    private readonly startedAt: string,
    private readonly lines: Map<number, Line>,
  ) {
    this.earlier = new Map(lines);
  }

  static async open(places: Places): Promise<FilesystemPartUpload> {
    const { partial, receipts } = namesOf(places);
    // Receipts without the file they speak of: it died between the rename and the removal of the receipts.
    const size = await sizeOf(partial);
    const found = size === null ? null : parseReceipts(await readFile(receipts, 'utf8').catch(emptyIfAbsent));
    if (size === null || found?.header.key !== places.key) {
      return new FilesystemPartUpload(places, new Date().toISOString(), new Map());
    }
    const kept = found.lines.filter((line) => line.offset + line.sizeBytes <= size);
    return new FilesystemPartUpload(places, found.header.startedAt, new Map(kept.map((line) => [line.number, line])));
  }

  kept(number: number, offset: number, bytes: Buffer): Promise<PartReceipt | null> {
    return mapped(async () => {
      const line = this.earlier.get(number);
      if (line?.offset !== offset || line.sizeBytes !== bytes.length) return null;
      const found = await withFile(namesOf(this.places).partial, 'r', (file) => readFully(file, offset, bytes.length));
      return found.equals(bytes) ? receiptOf(line) : null;
    });
  }

  put(number: number, offset: number, bytes: Buffer): Promise<PartReceipt> {
    return mapped(async () => {
      await this.prepare();
      const { partial, receipts } = namesOf(this.places);
      await withFile(partial, 'r+', (file) => writeFully(file, bytes, offset));
      const line = { number, offset, sizeBytes: bytes.length };
      // One write call for one line, on a file opened for appending: parts put at once don't mix.
      await withFile(receipts, 'a', (file) => file.write(lineOf(line)));
      this.lines.set(number, line);
      return receiptOf(line);
    });
  }

  complete(parts: readonly PartReceipt[]): Promise<void> {
    return mapped(async () => {
      const { key, root, target } = this.places;
      const { partial, receipts } = namesOf(this.places);
      this.assertWhole(parts);
      const sizeBytes = parts.reduce((sum, part) => sum + part.sizeBytes, 0);
      await this.prepare();
      // Missing: an earlier call got as far as the rename.
      if ((await sizeOf(partial)) !== null) {
        await withFile(partial, 'r+', async (file) => {
          await file.truncate(sizeBytes);
          await file.sync();
        });
        await makeDirectories(root, dirname(target));
        await rename(partial, target);
      }
      const arrived = await sizeOf(target);
      if (arrived === null) throw new StoreUnavailableError('The store dropped the upload; it has to be begun again');
      if (arrived !== sizeBytes) throw new ObjectCorruptError(key, `${arrived} bytes instead of ${sizeBytes} arrived`);
      await syncDirectory(dirname(target));
      await rm(receipts, { force: true });
    });
  }

  abort(): Promise<void> {
    return mapped(async () => {
      const { partial, receipts } = namesOf(this.places);
      await rm(partial, { force: true });
      await rm(receipts, { force: true });
      this.lines.clear();
      this.earlier.clear();
      this.prepared = null;
    });
  }

  /** The parts follow each other without gaps, and each is one that was put. */
  private assertWhole(parts: readonly PartReceipt[]): void {
    let offset = 0;
    for (const [i, part] of parts.entries()) {
      const line = this.lines.get(part.number);
      if (part.number !== i + 1 || !line || line.offset !== offset || line.sizeBytes !== part.sizeBytes) {
        throw new ConflictError(`Part ${part.number} of ${this.places.key} is not what was put`);
      }
      offset += part.sizeBytes;
    }
  }

  private prepare(): Promise<void> {
    this.prepared ??= this.createFiles().catch((error: unknown) => {
      this.prepared = null;
      throw error;
    });
    return this.prepared;
  }

  /** Writes the receipts anew, without the line that a power cut may have torn, so that further ones can follow. */
  private async createFiles(): Promise<void> {
    const { uploads, root, key } = this.places;
    const { partial, receipts } = namesOf(this.places);
    await makeDirectories(root, uploads);
    if (this.lines.size === 0) await rm(partial, { force: true });
    const header: Header = { version: 1, key, startedAt: this.startedAt };
    await withFile(`${receipts}.tmp`, 'w', async (file) => {
      await file.write([header, ...this.lines.values()].map(lineOf).join(''));
      await file.sync();
    });
    await rename(`${receipts}.tmp`, receipts);
    await withFile(partial, this.lines.size === 0 ? 'w' : 'r+', (file) => file.sync());
    await syncDirectory(uploads);
  }
}

/** Whose upload a receipts file belongs to, and since when; `null`: it is another file, or not readable yet. */
export async function startOfUpload(path: string): Promise<{ key: string; startedAt: Date } | null> {
  if (!path.endsWith('.receipts')) return null;
  const header = parseReceipts(await readFile(path, 'utf8').catch(emptyIfAbsent))?.header;
  return header ? { key: header.key, startedAt: new Date(header.startedAt) } : null;
}

/** Stops at the first line that a power cut tore. */
function parseReceipts(text: string): { header: Header; lines: Line[] } | null {
  const [first = '', ...rest] = text.split('\n').slice(0, -1);
  const header = Header.safeParse(jsonOf(first));
  if (!header.success) return null;
  const lines: Line[] = [];
  for (const text of rest) {
    const line = Line.safeParse(jsonOf(text));
    if (!line.success) break;
    lines.push(line.data);
  }
  return { header: header.data, lines };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // not JSON is as good as not ours
  }
}

function namesOf({ uploads, key }: Places): { partial: string; receipts: string } {
  // No key has this character, so two keys never share a name.
  const name = key.replaceAll('/', '+');
  return { partial: join(uploads, `${name}.partial`), receipts: join(uploads, `${name}.receipts`) };
}

async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

async function withFile<T>(path: string, flags: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, flags, 0o600);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

function emptyIfAbsent(error: unknown): string {
  if (codeOf(error) === 'ENOENT') return '';
  throw error;
}

const lineOf = (line: Header | Line): string => `${JSON.stringify(line)}\n`;
const receiptOf = ({ number, offset, sizeBytes }: Line): PartReceipt => ({ number, sizeBytes, etag: `at ${offset}` });

async function mapped<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw storeError(error);
  }
}
