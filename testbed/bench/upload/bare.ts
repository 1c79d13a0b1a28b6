// What uploads are compared with: the file as it is, without a look at it.
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { ObjectStoreConfig, S3StoreConfig } from '../../../libs/adapters/src/object-store/config.ts';
import { S3Client } from '../../../libs/adapters/src/object-store/s3/s3-client.ts';
import { LayerStoreConfig } from '../../../libs/layer-store/src/config.ts';

const run = promisify(execFile);

export function bareUpload(store: ObjectStoreConfig): (path: string) => Promise<() => Promise<void>> {
  return store.kind === 's3' ? parallelPut(store) : plainCopy(store.root);
}

/** `cp` and a sync: bytes that are only in memory are not stored. */
function plainCopy(root: string) {
  return async (path: string): Promise<() => Promise<void>> => {
    const target = join(root, randomUUID());
    await run('cp', ['--reflink=never', '--sparse=never', '--', path, target]);
    for (const place of [target, dirname(target)]) {
      const file = await open(place, 'r');
      await file.sync();
      await file.close();
    }
    return () => rm(target);
  };
}

/** A multipart upload by the same client, with parts of the same size and as many under way, and nothing else. */
function parallelPut(store: S3StoreConfig) {
  const client = new S3Client(store);
  const { bucket } = store;
  const { partBytes, partsInFlight } = LayerStoreConfig.parse({});
  return async (path: string): Promise<() => Promise<void>> => {
    const key = `bare/${randomUUID()}`;
    const file = await open(path, 'r');
    const { size } = await file.stat();
    const uploadID = await client.initiateNewMultipartUpload(bucket, key, {});
    const parts: { part: number; etag: string }[] = [];
    let next = 0;
    const sender = async (): Promise<void> => {
      const buffer = Buffer.allocUnsafeSlow(partBytes);
      while (next * partBytes < size) {
        const index = next++;
        const { bytesRead } = await file.read(buffer, 0, partBytes, index * partBytes);
        const { etag } = await client.uploadPart(
          { bucketName: bucket, objectName: key, uploadID, partNumber: index + 1, headers: {} },
          buffer.subarray(0, bytesRead),
        );
        parts.push({ part: index + 1, etag });
      }
    };
    await Promise.all(Array.from({ length: partsInFlight }, sender));
    await client.completeMultipartUpload(
      bucket,
      key,
      uploadID,
      parts.sort((a, b) => a.part - b.part),
    );
    await file.close();
    return () => client.removeObject(bucket, key);
  };
}
