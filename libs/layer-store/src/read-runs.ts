import { inOrder } from '@varve/core';
import type { LayerManifest } from '@varve/core';
import type { FileRun, LayerStore, ObjectStore } from '@varve/ports';
import { abortable, anyOf } from './abortable.js';
import { decompressFrame, FRAME_BYTES, ZEROS, ZEROS_SHA256 } from './frames.js';
import { planFetches } from './read-plan.js';
import type { Fetch } from './read-plan.js';

/** Requests under way at once. */
const FETCHES_AHEAD = 3;

type ReadOptions = NonNullable<Parameters<LayerStore['read']>[2]>;

/** @see LayerStore.read */
export async function* readRuns(
  store: ObjectStore,
  manifest: LayerManifest,
  runs: readonly FileRun[],
  options: ReadOptions = {},
): AsyncGenerator<{ fileOffset: number; bytes: Buffer }, void, undefined> {
  assertReadable(manifest, runs);
  const plain = new PlainFrames(store, manifest, runs, options);
  try {
    for (const run of runs) {
      const end = run.fileOffset + run.length;
      for (let at = run.fileOffset; at < end;) {
        const index = Math.floor(at / FRAME_BYTES);
        const frame = await plain.frame(index);
        const stop = Math.min(end, (index + 1) * FRAME_BYTES);
        yield { fileOffset: at, bytes: frame.subarray(at - index * FRAME_BYTES, stop - index * FRAME_BYTES) };
        at = stop;
      }
    }
  } finally {
    await plain.close();
  }
}

function assertReadable(manifest: LayerManifest, runs: readonly FileRun[]): void {
  let end = 0;
  for (const { fileOffset, length } of runs) {
    if (fileOffset < end) throw new RangeError(`Runs of layer ${manifest.uid} overlap or are not sorted`);
    end = fileOffset + length;
  }
  if (end > manifest.fileBytes) throw new RangeError(`Layer ${manifest.uid} ends before ${end}`);
}

/** Plain frames in rising order, fetched ahead; keeps those of one request. */
class PlainFrames {
  private readonly closed = new AbortController();
  private readonly fetched: AsyncGenerator<{ fetch: Fetch; frames: Buffer[] }, void, undefined>;
  private current: { fetch: Fetch; frames: Buffer[] } | null = null;

  constructor(
    store: ObjectStore,
    private readonly manifest: LayerManifest,
    runs: readonly FileRun[],
    { signal, onFetched, onProgress }: ReadOptions,
  ) {
    const fetches = planFetches(manifest, runs);
    const stop = anyOf(signal, this.closed.signal);
    const total = fetches.reduce((sum, fetch) => sum + fetch.length, 0);
    let done = 0;
    this.fetched = inOrder(fetches, FETCHES_AHEAD, async (fetch) => {
      const asked = store.getRange(manifest.objectKey, fetch.offset, fetch.length);
      const stored = await abortable(asked, stop);
      onFetched?.(stored.length);
      done += stored.length;
      onProgress?.(done, total);
      const frames = manifest.frames.slice(fetch.firstFrame, fetch.firstFrame + fetch.frames);
      return {
        fetch,
        frames: await Promise.all(
          frames.map((frame, i) => {
            const at = frame.offset - fetch.offset;
            return decompressFrame(manifest, fetch.firstFrame + i, frame, stored.subarray(at, at + frame.length));
          }),
        ),
      };
    });
  }

  async frame(index: number): Promise<Buffer> {
    if (this.manifest.frames[index]?.sha256 === ZEROS_SHA256) return ZEROS;
    while (!this.current || index >= this.current.fetch.firstFrame + this.current.fetch.frames) {
      const next = await this.fetched.next();
      if (next.done) throw new Error(`Frame ${index} was not fetched`);
      this.current = next.value;
    }
    const found = this.current.frames[index - this.current.fetch.firstFrame];
    if (!found) throw new Error(`Frame ${index} was not fetched`);
    return found;
  }

  async close(): Promise<void> {
    // Whoever stops reading early doesn't wait for a store that hangs.
    this.closed.abort();
    await this.fetched.return();
  }
}
