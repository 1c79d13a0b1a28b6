import { StoreUnavailableError } from '@varve/core';
import type { ObjectStore, PartUpload } from '@varve/ports';
import pRetry from 'p-retry';

export interface RetryOptions {
  /** Tries in all. */
  readonly attempts: number;
  /** Before the second try; doubles from there. */
  readonly firstDelayMs: number;
  /** No further try begins after that. */
  readonly giveUpAfterMs: number;
}

/**
 * The same store, with each call made again while the store is away. Every call of the port is repeatable; an error
 * that trying again can't mend passes at once. Listings are not wrapped: their caller starts over.
 */
export function withRetries(store: ObjectStore, options: RetryOptions): ObjectStore {
  const retried = <T>(call: () => Promise<T>): Promise<T> =>
    pRetry(call, {
      retries: options.attempts - 1,
      minTimeout: options.firstDelayMs,
      factor: 2,
      randomize: true,
      maxRetryTime: options.giveUpAfterMs,
      shouldRetry: ({ error }) => error instanceof StoreUnavailableError,
    });

  return {
    partLimits: store.partLimits,
    openUpload: async (key) => retriedUpload(await retried(() => store.openUpload(key)), retried),
    put: (key, bytes) => retried(() => store.put(key, bytes)),
    get: (key) => retried(() => store.get(key)),
    getRange: (key, offset, length) => retried(() => store.getRange(key, offset, length)),
    stat: (key) => retried(() => store.stat(key)),
    delete: (key) => retried(() => store.delete(key)),
    list: (prefix) => store.list(prefix),
    listUploads: (prefix) => store.listUploads(prefix),
    probe: () => store.probe(),
  };
}

function retriedUpload(upload: PartUpload, retried: <T>(call: () => Promise<T>) => Promise<T>): PartUpload {
  return {
    kept: (number, offset, bytes) => retried(() => upload.kept(number, offset, bytes)),
    put: (number, offset, bytes) => retried(() => upload.put(number, offset, bytes)),
    complete: (parts) => retried(() => upload.complete(parts)),
    abort: () => retried(() => upload.abort()),
  };
}
