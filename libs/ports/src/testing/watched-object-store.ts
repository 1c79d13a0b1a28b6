import type { ObjectStore, PartUpload } from '../object-store.port.js';

/** One call that went through, in the order of their ends. */
export interface Seen {
  readonly method: 'put' | 'put part' | 'complete' | 'get' | 'getRange' | 'delete' | 'abort';
  readonly key: string;
  readonly part: number;
  readonly bytes: number;
}

/**
 * The same store, and what went through it.
 *
 * @param before - called before a call is passed on; what it throws is the call's error
 */
export function watched(
  store: ObjectStore,
  before: (call: Pick<Seen, 'method' | 'key' | 'part'>) => void | Promise<void> = () => undefined,
): { store: ObjectStore; seen: Seen[] } {
  const seen: Seen[] = [];
  const see = async <T>(
    call: Pick<Seen, 'method' | 'key' | 'part'>,
    run: () => Promise<T>,
    bytesOf: (result: T) => number,
  ): Promise<T> => {
    await before(call);
    const result = await run();
    seen.push({ ...call, bytes: bytesOf(result) });
    return result;
  };
  const watchedUpload = (key: string, upload: PartUpload): PartUpload => ({
    kept: (part, offset, bytes) => upload.kept(part, offset, bytes),
    put: (part, offset, bytes) =>
      see(
        { method: 'put part', key, part },
        () => upload.put(part, offset, bytes),
        () => bytes.length,
      ),
    complete: (parts) =>
      see(
        { method: 'complete', key, part: 0 },
        () => upload.complete(parts),
        () => 0,
      ),
    abort: () =>
      see(
        { method: 'abort', key, part: 0 },
        () => upload.abort(),
        () => 0,
      ),
  });
  return {
    seen,
    store: {
      partLimits: store.partLimits,
      openUpload: async (key) => watchedUpload(key, await store.openUpload(key)),
      put: (key, bytes) =>
        see(
          { method: 'put', key, part: 0 },
          () => store.put(key, bytes),
          () => bytes.length,
        ),
      get: (key) =>
        see(
          { method: 'get', key, part: 0 },
          () => store.get(key),
          (bytes) => bytes?.length ?? 0,
        ),
      getRange: (key, offset, length) =>
        see(
          { method: 'getRange', key, part: 0 },
          () => store.getRange(key, offset, length),
          () => length,
        ),
      stat: (key) => store.stat(key),
      delete: (key) =>
        see(
          { method: 'delete', key, part: 0 },
          () => store.delete(key),
          () => 0,
        ),
      list: (prefix) => store.list(prefix),
      listUploads: (prefix) => store.listUploads(prefix),
      probe: () => store.probe(),
    },
  };
}
