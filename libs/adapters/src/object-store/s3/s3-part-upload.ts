import { hash } from 'node:crypto';
import { ObjectCorruptError, StoreUnavailableError } from '@varve/core';
import type { PartReceipt, PartUpload } from '@varve/ports';
import { md5Of } from '../md5.js';
import { isAbsent, s3CodeOf } from './errors.js';
import type { S3Client } from './s3-client.js';
import type { Requests } from './s3-object-store.js';

const MD5 = /^[0-9a-f]{32}$/;
/** What putting a hundred thousand parts together may take; stores that take long keep the line alive. */
const COMPLETE_AS_BYTES = 64 * 2 ** 20;

/** A multipart upload. Begun in the store by the first part, so that opening one to abort it leaves none behind. */
export class S3PartUpload implements PartUpload {
  private beginning: Promise<string> | null;

  private constructor(
    private readonly bucket: string,
    private readonly key: string,
    private readonly request: Requests,
    private uploadIds: readonly string[],
    private readonly received: readonly PartReceipt[],
  ) {
    const [found] = uploadIds;
    this.beginning = found === undefined ? null : Promise.resolve(found);
  }

  /** Goes on with the newest upload of the key: there is one writer per key, so it is an earlier life's. */
  static async open(bucket: string, key: string, request: Requests): Promise<S3PartUpload> {
    return request(0, async (client) => {
      const uploadIds = await uploadIdsOf(client, bucket, key);
      const [newest] = uploadIds;
      if (newest === undefined) return new S3PartUpload(bucket, key, request, [], []);
      try {
        const parts = await client.partsOf(bucket, key, newest);
        const received = parts.map(({ part, size, etag }) => ({ number: part, sizeBytes: size, etag }));
        return new S3PartUpload(bucket, key, request, uploadIds, received);
      } catch (error) {
        if (s3CodeOf(error) !== 'NoSuchUpload') throw error;
        return new S3PartUpload(bucket, key, request, [], []); // listed still, but gone
      }
    });
  }

  async kept(number: number, _offset: number, bytes: Buffer): Promise<PartReceipt | null> {
    const part = this.received.find((received) => received.number === number);
    return part?.sizeBytes === bytes.length && part.etag === (await md5Of(bytes)) ? part : null;
  }

  async put(number: number, _offset: number, bytes: Buffer): Promise<PartReceipt> {
    const uploadID = await this.begin();
    return this.request(bytes.length, async (client) => {
      // One digest that the store checks the part by is enough, and each is a pass over every byte on both sides.
      const sent = client.signsPayloads ? null : await md5Of(bytes);
      const headers = sent === null ? {} : { 'Content-MD5': Buffer.from(sent, 'hex').toString('base64') };
      const part = { bucketName: this.bucket, objectName: this.key, uploadID, partNumber: number, headers };
      const { etag } = await client.uploadPart(part, bytes);
      if (!MD5.test(etag) || (sent !== null && etag !== sent)) {
        throw new StoreUnavailableError('A part did not arrive as it was sent', { part: String(number), etag });
      }
      return { number, sizeBytes: bytes.length, etag };
    });
  }

  async complete(parts: readonly PartReceipt[]): Promise<void> {
    const uploadId = await this.begin();
    const etags = parts.map(({ number, etag }) => ({ part: number, etag }));
    await this.request(COMPLETE_AS_BYTES, async (client) => {
      try {
        await client.completeMultipartUpload(this.bucket, this.key, uploadId, etags);
      } catch (error) {
        // An earlier call may have been carried out without our hearing of it: what is there decides.
        if (s3CodeOf(error) !== 'NoSuchUpload') throw error;
      }
    });
    await this.verify(parts);
    await this.abortAll(this.uploadIds.filter((id) => id !== uploadId));
  }

  async abort(): Promise<void> {
    const begun = this.beginning === null ? [] : [await this.begin()];
    this.beginning = null;
    await this.abortAll([...new Set([...begun, ...this.uploadIds])]);
    this.uploadIds = [];
  }

  private async abortAll(uploadIds: readonly string[]): Promise<void> {
    for (const id of uploadIds) {
      await this.request(0, async (client) => {
        try {
          await client.abortMultipartUpload(this.bucket, this.key, id);
        } catch (error) {
          if (s3CodeOf(error) !== 'NoSuchUpload') throw error;
        }
      });
    }
  }

  private begin(): Promise<string> {
    this.beginning ??= this.request(0, (client) =>
      client.initiateNewMultipartUpload(this.bucket, this.key, { 'Content-Type': 'application/zstd' }),
    ).catch((error: unknown) => {
      this.beginning = null;
      throw error;
    });
    return this.beginning;
  }

  private async verify(parts: readonly PartReceipt[]): Promise<void> {
    const found = await this.request(0, async (client) => {
      try {
        return await client.statObject(this.bucket, this.key);
      } catch (error) {
        if (isAbsent(error)) return null;
        throw error;
      }
    });
    if (!found) throw new StoreUnavailableError('The store dropped the upload; it has to be begun again');
    const sizeBytes = parts.reduce((sum, part) => sum + part.sizeBytes, 0);
    if (found.size !== sizeBytes) {
      throw new ObjectCorruptError(this.key, `${found.size} bytes instead of ${sizeBytes} arrived`);
    }
    // The MD5 of the parts' MD5s and their number: so on Swift, Ceph, MinIO and AWS, but nowhere promised.
    const [md5 = '', count] = found.etag.split('-');
    if (!MD5.test(md5) || count !== String(parts.length)) return;
    const expected = hash('md5', Buffer.from(parts.map((part) => part.etag).join(''), 'hex'));
    if (md5 !== expected) throw new ObjectCorruptError(this.key, `its ETag is ${found.etag}, not ${expected}-${count}`);
  }
}

/** Newest first. */
async function uploadIdsOf(client: S3Client, bucket: string, key: string): Promise<string[]> {
  const { uploads } = await client.uploadsOf(bucket, key);
  return uploads
    .filter((upload) => upload.key === key)
    .sort((a, b) => b.initiated.getTime() - a.initiated.getTime())
    .map((upload) => upload.uploadId);
}
