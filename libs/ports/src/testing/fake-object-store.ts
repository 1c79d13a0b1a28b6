import { hash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  ConflictError,
  ObjectCorruptError,
  ObjectMissingError,
  StoreRefusedError,
  StoreUnavailableError,
} from '@varve/core';
import type { ObjectStore, PartReceipt, PartUpload } from '../object-store.port.js';

/** What a test can ask afterwards; bytes of objects, in both directions. */
export interface Traffic {
  calls: number;
  /** Every part or whole object that was sent, as `<key>#<part>`; a whole one is part 0. */
  readonly sent: string[];
  sentBytes: number;
  fetchedBytes: number;
  /** Most calls that were under way at once. */
  mostAtOnce: number;
}

interface Upload {
  readonly startedAt: Date;
  readonly parts: Map<number, Buffer>;
}

const KEY = /^[0-9A-Za-z][\w.-]*(\/[0-9A-Za-z][\w.-]*)*$/;

/** Objects in memory, and a hand on everything that can go wrong with a store. */
export class FakeObjectStore implements ObjectStore {
  readonly partLimits: ObjectStore['partLimits'];
  readonly traffic: Traffic = { calls: 0, sent: [], sentBytes: 0, fetchedBytes: 0, mostAtOnce: 0 };
  /** `down`: refuses connections. `hanging`: takes requests and never answers. `refusing`: wrong credentials. */
  mode: 'up' | 'down' | 'hanging' | 'refusing' = 'up';
  /** How long each call takes; milliseconds. */
  latencyMs = 0;
  /** Called before each call is carried out; what it throws is the call's error. */
  before: ((call: { method: keyof ObjectStore | keyof PartUpload; key: string; part?: number }) => void) | null = null;

  private readonly objects = new Map<string, Buffer>();
  private readonly uploads = new Map<string, Upload>();
  private atOnce = 0;

  constructor(partLimits: Partial<ObjectStore['partLimits']> = {}) {
    this.partLimits = { minBytes: 5 * 2 ** 20, maxBytes: 5 * 2 ** 30, maxParts: 10_000, ...partLimits };
  }

  // ---- a test's hands

  get keys(): string[] {
    return [...this.objects.keys()].sort();
  }

  /** A copy of what is stored. */
  peek(key: string): Buffer {
    return Buffer.from(this.stored(key));
  }

  poke(key: string, bytes: Buffer): void {
    this.objects.set(key, Buffer.from(bytes));
  }

  truncate(key: string, sizeBytes: number): void {
    this.objects.set(key, this.stored(key).subarray(0, sizeBytes));
  }

  /** Turns one bit over. */
  corrupt(key: string, offset: number): void {
    const bytes = this.peek(key);
    bytes.writeUInt8(bytes.readUInt8(offset) ^ 1, offset);
    this.objects.set(key, bytes);
  }

  forgetTraffic(): void {
    Object.assign(this.traffic, { calls: 0, sent: [], sentBytes: 0, fetchedBytes: 0, mostAtOnce: 0 });
  }

  // ---- the port

  async openUpload(key: string): Promise<PartUpload> {
    return this.call('openUpload', key, () => {
      // What it has now: parts that this life puts are not kept ones.
      return this.uploadOf(key, new Map(this.uploads.get(key)?.parts));
    });
  }

  async put(key: string, bytes: Buffer): Promise<void> {
    const copy = Buffer.from(bytes);
    await this.call('put', key, () => {
      this.objects.set(key, copy);
      this.noteSent(key, 0, copy);
    });
  }

  async get(key: string): Promise<Buffer | null> {
    return this.call('get', key, () => {
      const bytes = this.objects.get(key);
      this.traffic.fetchedBytes += bytes?.length ?? 0;
      return bytes ? Buffer.from(bytes) : null;
    });
  }

  async getRange(key: string, offset: number, length: number): Promise<Buffer> {
    return this.call('getRange', key, () => {
      const bytes = this.objects.get(key);
      if (!bytes) throw new ObjectMissingError(key);
      if (offset + length > bytes.length) throw new ObjectCorruptError(key, `it ends at ${bytes.length}`);
      this.traffic.fetchedBytes += length;
      return Buffer.from(bytes.subarray(offset, offset + length));
    });
  }

  async stat(key: string): Promise<{ sizeBytes: number } | null> {
    return this.call('stat', key, () => {
      const bytes = this.objects.get(key);
      return bytes ? { sizeBytes: bytes.length } : null;
    });
  }

  async delete(key: string): Promise<void> {
    await this.call('delete', key, () => this.objects.delete(key));
  }

  async *list(prefix: string): AsyncIterable<{ key: string; sizeBytes: number }> {
    const keys = await this.call('list', prefix, () => this.keys.filter((key) => key.startsWith(prefix)));
    for (const key of keys) yield { key, sizeBytes: this.stored(key).length };
  }

  async *listUploads(prefix: string): AsyncIterable<{ key: string; startedAt: Date }> {
    const found = await this.call('listUploads', prefix, () =>
      [...this.uploads].filter(([key]) => key.startsWith(prefix)),
    );
    for (const [key, { startedAt }] of found) yield { key, startedAt };
  }

  async probe(): Promise<void> {
    await this.call('probe', '', () => null);
  }

  // ---- how it is done

  private uploadOf(key: string, kept: ReadonlyMap<number, Buffer>): PartUpload {
    return {
      // Known since it was opened: no call.
      kept: async (number, _offset, bytes) => (kept.get(number)?.equals(bytes) ? receiptOf(number, bytes) : null),
      put: async (number, _offset, given) => {
        const bytes = Buffer.from(given);
        return this.call(
          'put',
          key,
          () => {
            const upload = this.uploads.get(key) ?? { startedAt: new Date(), parts: new Map() };
            this.uploads.set(key, upload);
            upload.parts.set(number, bytes);
            this.noteSent(key, number, bytes);
            return receiptOf(number, bytes);
          },
          number,
        );
      },
      complete: async (parts) => this.call('complete', key, () => this.complete(key, parts)),
      abort: async () => this.call('abort', key, () => void this.uploads.delete(key)),
    };
  }

  private complete(key: string, parts: readonly PartReceipt[]): void {
    const upload = this.uploads.get(key);
    const sizeBytes = parts.reduce((sum, part) => sum + part.sizeBytes, 0);
    if (!upload) {
      if (this.objects.get(key)?.length === sizeBytes) return; // repeated
      throw new StoreUnavailableError('The store dropped the upload; it has to be begun again');
    }
    const bodies = parts.map(({ number, etag }, i) => {
      const part = upload.parts.get(number);
      if (number !== i + 1 || !part || receiptOf(number, part).etag !== etag) {
        throw new ConflictError(`Part ${number} is not what was put`);
      }
      const { minBytes, maxBytes, maxParts } = this.partLimits;
      const tooSmall = part.length < minBytes && number < parts.length;
      if (tooSmall || part.length > maxBytes || number > maxParts) {
        throw new StoreRefusedError(`The object store refused: part ${number} has ${part.length} bytes`);
      }
      return part;
    });
    this.objects.set(key, Buffer.concat(bodies));
    this.uploads.delete(key);
  }

  private stored(key: string): Buffer {
    const bytes = this.objects.get(key);
    if (!bytes) throw new Error(`The fake store has no ${key}`);
    return bytes;
  }

  private noteSent(key: string, part: number, bytes: Buffer): void {
    this.traffic.sent.push(`${key}#${part}`);
    this.traffic.sentBytes += bytes.length;
  }

  private async call<T>(
    method: keyof ObjectStore | keyof PartUpload,
    key: string,
    carryOut: () => T,
    part?: number,
  ): Promise<T> {
    if (!method.startsWith('list') && method !== 'probe' && !KEY.test(key)) {
      throw new Error(`Not an object key: ${JSON.stringify(key)}`);
    }
    this.traffic.calls++;
    this.atOnce++;
    this.traffic.mostAtOnce = Math.max(this.traffic.mostAtOnce, this.atOnce);
    try {
      // Also without latency: what comes from a store comes later.
      await sleep(this.latencyMs);
      this.before?.(part === undefined ? { method, key } : { method, key, part });
      if (this.mode === 'down') throw new StoreUnavailableError('The fake store is down');
      if (this.mode === 'refusing') throw new StoreRefusedError('The fake store refuses');
      if (this.mode === 'hanging') await new Promise<never>(() => undefined);
      return carryOut();
    } finally {
      this.atOnce--;
    }
  }
}

const receiptOf = (number: number, bytes: Buffer): PartReceipt => ({
  number,
  sizeBytes: bytes.length,
  etag: hash('md5', bytes),
});
