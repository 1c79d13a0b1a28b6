import { ServiceError } from '@varve/core';
import type { LayerStore } from '@varve/ports';
import pRetry from 'p-retry';
import type { Logger } from 'pino';

/**
 * The same store, with an upload begun again while the store is away, until the time is up. An upload that is begun
 * again sends nothing twice.
 */
export function withGiveUp(layers: LayerStore, giveUpAfterMs: number, log: Logger): LayerStore {
  return {
    upload: (source, options) =>
      pRetry(() => layers.upload(source, options), {
        retries: Infinity,
        minTimeout: 500,
        maxTimeout: 15_000,
        factor: 2,
        maxRetryTime: giveUpAfterMs,
        ...(options?.signal ? { signal: options.signal } : {}),
        onFailedAttempt: ({ error, attemptNumber }) => {
          if (options?.signal?.aborted) return;
          const { instanceId: instance, uid: layer } = source;
          log.warn({ instance, layer, attempt: attemptNumber, err: error }, 'an upload broke off');
        },
        shouldRetry: ({ error }) => error instanceof ServiceError && error.remedy === 'retry',
      }),
    manifests: (refs, options) => layers.manifests(refs, options),
    read: (manifest, runs, options) => layers.read(manifest, runs, options),
    delete: (layer) => layers.delete(layer),
  };
}
