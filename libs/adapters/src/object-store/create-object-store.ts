import type { ObjectStore } from '@varve/ports';
import type { ObjectStoreConfig } from './config.js';
import { FilesystemObjectStore } from './filesystem/filesystem-object-store.js';
import { S3ObjectStore } from './s3/s3-object-store.js';
import { withRetries } from './with-retries.js';

/** The configured store; touches nothing yet. */
export function createObjectStore(config: ObjectStoreConfig): ObjectStore {
  switch (config.kind) {
    case 'filesystem':
      return new FilesystemObjectStore(config);
    case 's3':
      return withRetries(new S3ObjectStore(config), {
        attempts: config.attempts,
        firstDelayMs: 250,
        giveUpAfterMs: 2 * config.deadlineMs,
      });
    default:
      throw new Error(`No such store: ${String(config satisfies never)}`);
  }
}
