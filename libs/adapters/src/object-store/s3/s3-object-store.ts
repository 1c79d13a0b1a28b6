import { ObjectCorruptError, ObjectMissingError } from '@varve/core';
import type { ObjectStore, PartUpload } from '@varve/ports';
import type { S3StoreConfig } from '../config.js';
import { assertKey } from '../keys.js';
import { isAbsent, s3CodeOf, storeError } from './errors.js';
import { S3Client } from './s3-client.js';
import type { Call } from './s3-client.js';
import { S3PartUpload } from './s3-part-upload.js';

const MIB = 2 ** 20;
/** Slower than that over the whole of a transfer counts as away. */
const SLOWEST_BYTES_PER_MS = 128;

/** Makes requests with a deadline each, and our errors of theirs. */
export type Requests = <T>(bytes: number, requests: (client: S3Client) => Promise<T>) => Promise<T>;

/**
 * Objects in a bucket. A failed request is not tried again here: see `withRetries`.
 *
 * The bucket must give a part's MD5 as its ETag, as all do unless they encrypt with a key service (SSE-KMS) or with
 * the client's keys (SSE-C).
 */
export class S3ObjectStore implements ObjectStore {
  readonly partLimits: ObjectStore['partLimits'];
  private readonly client: S3Client;

  constructor(private readonly config: S3StoreConfig) {
    this.client = new S3Client(config);
    this.partLimits = { minBytes: 5 * MIB, maxBytes: 5 * 2 ** 30, maxParts: config.maxParts };
  }

  async openUpload(key: string): Promise<PartUpload> {
    assertKey(key);
    return S3PartUpload.open(this.config.bucket, key, this.request);
  }

  async put(key: string, bytes: Buffer): Promise<void> {
    assertKey(key);
    // One request, with a Content-MD5 of the library's, which the store checks.
    await this.request(bytes.length, (client) => client.putObject(this.config.bucket, key, bytes, bytes.length));
  }

  async get(key: string): Promise<Buffer | null> {
    assertKey(key);
    return this.request(0, async (client) => {
      try {
        return await collect(await client.getObject(this.config.bucket, key));
      } catch (error) {
        if (isAbsent(error)) return null;
        throw error;
      }
    });
  }

  async getRange(key: string, offset: number, length: number): Promise<Buffer> {
    assertKey(key);
    if (length === 0) return Buffer.alloc(0);
    return this.request(length, async (client) => {
      const bytes = await client
        .getPartialObject(this.config.bucket, key, offset, length)
        .then(collect)
        .catch((error: unknown) => {
          if (isAbsent(error)) throw new ObjectMissingError(key);
          if (s3CodeOf(error) === 'InvalidRange') throw new ObjectCorruptError(key, `it ends before ${offset}`);
          throw error;
        });
      if (bytes.length !== length) {
        throw new ObjectCorruptError(key, `${bytes.length} bytes instead of ${length} at ${offset}`);
      }
      return bytes;
    });
  }

  async stat(key: string): Promise<{ sizeBytes: number } | null> {
    assertKey(key);
    return this.request(0, async (client) => {
      try {
        const found = await client.statObject(this.config.bucket, key);
        return { sizeBytes: found.size };
      } catch (error) {
        if (!isAbsent(error)) throw error;
        // The answer to a HEAD has no body to say whether it is the object or the bucket that is missing.
        await this.listPage(client, '', '', 1);
        return null;
      }
    });
  }

  async delete(key: string): Promise<void> {
    assertKey(key);
    await this.request(0, async (client) => {
      try {
        await client.removeObject(this.config.bucket, key);
      } catch (error) {
        if (!isAbsent(error)) throw error;
      }
    });
  }

  async *list(prefix: string): AsyncIterable<{ key: string; sizeBytes: number }> {
    for (let after: string | null = ''; after !== null;) {
      const from: string = after;
      const page = await this.request(0, (client) => this.listPage(client, prefix, from, 1000));
      for (const { name, size } of page.objects) if (name !== undefined) yield { key: name, sizeBytes: size };
      after = page.isTruncated ? (page.objects.at(-1)?.name ?? null) : null;
    }
  }

  async *listUploads(prefix: string): AsyncIterable<{ key: string; startedAt: Date }> {
    const found: { key: string; startedAt: Date }[] = [];
    for (let marker: string | null = ''; marker !== null;) {
      const from: string = marker;
      const page = await this.request(0, (client) => client.uploadsOf(this.config.bucket, prefix, from));
      found.push(...page.uploads.map(({ key, initiated }) => ({ key, startedAt: initiated })));
      marker = page.isTruncated ? page.nextKeyMarker || null : null;
    }
    yield* found.sort((a, b) => a.startedAt.getTime() - b.startedAt.getTime());
  }

  async probe(): Promise<void> {
    await this.request(0, (client) => this.listPage(client, '', '', 1));
  }

  /** Pages by the last key instead of a token: every store's list is in the order of keys. */
  private listPage(client: S3Client, prefix: string, after: string, most: number) {
    return client.listObjectsV2Query(this.config.bucket, prefix, '', '', most, after);
  }

  private readonly request: Requests = async (bytes, requests) => {
    const signal = AbortSignal.timeout(this.config.deadlineMs + Math.ceil(bytes / SLOWEST_BYTES_PER_MS));
    const call: Call = { signal, status: null };
    try {
      return await this.client.within(call, requests);
    } catch (error) {
      throw storeError(error, call.status);
    }
  };
}

async function collect(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}
