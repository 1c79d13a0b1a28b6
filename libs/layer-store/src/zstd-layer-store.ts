import { createHash } from 'node:crypto';
import { ManifestUnusableError, ObjectCorruptError, ObjectMissingError } from '@varve/core';
import type { Frame, LayerManifest } from '@varve/core';
import type {
  FileRun,
  LayerRef,
  LayerSource,
  LayerStore,
  ObjectStore,
  StoredLayer,
  TransferOptions,
} from '@varve/ports';
import pLimit from 'p-limit';
import { abortable, anyOf } from './abortable.js';
import { LayerStoreConfig } from './config.js';
import { FRAME_BYTES, FRAME_BYTES_AT_MOST } from './frames.js';
import { LayerFile } from './layer-file.js';
import { layerKeys } from './layer-keys.js';
import { decodeKnownManifest, decodeManifest, encodeManifest, manifestSha256 } from './manifest.schema.js';
import { ObjectWriter } from './object-writer.js';
import { planParts } from './part-plan.js';
import { readRuns } from './read-runs.js';
import { differenceOf, storedLayer } from './stored-layer.js';
import { encodeSeekTable, seekTableBytes } from './seek-table.js';

/** What a frame of zeros is stored as, at any level: generously. */
const ZERO_FRAME_BYTES_AT_MOST = 256;
const MANIFESTS_AT_ONCE = 8;

/** What of an object is known once it is in the store. */
type StoredObject = Pick<LayerManifest, 'objectBytes' | 'fileBytes' | 'sha256' | 'frames'>;

/**
 * Layers as zstd's seekable format, with a manifest beside each: `docs/layer-format.md`.
 *
 * The object goes first and the manifest last, so that a layer is there wholly or not at all. An object without a
 * manifest is what a crash left behind, and is written again.
 */
export class ZstdLayerStore implements LayerStore {
  private readonly config: LayerStoreConfig;

  constructor(
    private readonly store: ObjectStore,
    config: Partial<LayerStoreConfig> = {},
  ) {
    this.config = LayerStoreConfig.parse(config);
  }

  async upload(source: LayerSource, options: TransferOptions = {}): Promise<StoredLayer> {
    const signal = anyOf(options.signal);
    signal.throwIfAborted();
    const { objectKey, manifestKey } = layerKeys(source.projectId, source.instanceId, source.uid);

    const found = await this.alreadyThere(source, objectKey, manifestKey, signal);
    if (found) return found;

    const stored = await this.writeObject(source, objectKey, signal, options.onProgress);
    const manifest: LayerManifest = {
      version: 1,
      uid: source.uid,
      instanceId: source.instanceId,
      projectId: source.projectId,
      backing: source.backing,
      objectKey,
      objectBytes: stored.objectBytes,
      fileBytes: stored.fileBytes,
      sha256: stored.sha256,
      frameBytes: FRAME_BYTES,
      frames: stored.frames,
      virtualSizeBytes: source.virtualSizeBytes,
      clusterBytes: source.clusterBytes,
      extents: source.extents,
      consistency: source.consistency,
      sealedAt: source.sealedAt,
      tools: source.tools,
    };
    const bytes = encodeManifest(manifest);
    // A manifest that nobody could read back would be found out at the restore, when it is too late.
    decodeManifest(source.uid, bytes);
    await abortable(this.store.put(manifestKey, bytes), signal);
    const kept = await abortable(this.store.get(manifestKey), signal);
    if (!kept?.equals(bytes)) throw new ObjectCorruptError(manifestKey, 'it is not what was put there');
    return storedLayer(manifest, manifestKey, manifestSha256(bytes));
  }

  async manifests(refs: readonly LayerRef[], options: TransferOptions = {}): Promise<LayerManifest[]> {
    const failure = new AbortController();
    const signal = anyOf(options.signal, failure.signal);
    const limit = pLimit(MANIFESTS_AT_ONCE);
    const fetches = refs.map((ref) =>
      limit(async () => {
        signal.throwIfAborted();
        const bytes = await abortable(this.store.get(ref.manifestKey), signal);
        if (!bytes) throw new ObjectMissingError(ref.manifestKey);
        return decodeKnownManifest(ref, bytes);
      }),
    );
    try {
      return await Promise.all(fetches);
    } catch (error) {
      failure.abort(error);
      throw error;
    }
  }

  read(
    manifest: LayerManifest,
    runs: readonly FileRun[],
    options?: TransferOptions & { onFetched?: (objectBytes: number) => void },
  ): AsyncIterable<{ fileOffset: number; bytes: Buffer }> {
    return readRuns(this.store, manifest, runs, options);
  }

  async delete(layer: { objectKey: string; manifestKey: string }): Promise<void> {
    await this.store.delete(layer.manifestKey);
    await this.store.delete(layer.objectKey);
    await (await this.store.openUpload(layer.objectKey)).abort();
  }

  /** @throws {ManifestUnusableError} the uid is taken by another layer */
  private async alreadyThere(
    source: LayerSource,
    objectKey: string,
    manifestKey: string,
    signal: AbortSignal,
  ): Promise<StoredLayer | null> {
    const bytes = await abortable(this.store.get(manifestKey), signal);
    if (!bytes) return null;
    const manifest = decodeManifest(source.uid, bytes);
    const difference = differenceOf(manifest, source);
    if (difference !== null) throw new ManifestUnusableError(source.uid, `the stored layer has another ${difference}`);
    const found = await abortable(this.store.stat(objectKey), signal);
    if (found?.sizeBytes !== manifest.objectBytes) {
      throw new ObjectCorruptError(objectKey, `${found?.sizeBytes ?? 'no'} bytes of ${manifest.objectBytes} are there`);
    }
    return storedLayer(manifest, manifestKey, manifestSha256(bytes));
  }

  private async writeObject(
    source: LayerSource,
    objectKey: string,
    signal: AbortSignal,
    onProgress: TransferOptions['onProgress'],
  ): Promise<StoredObject> {
    const file = await LayerFile.open(source.path, signal);
    try {
      const tableBytes = seekTableBytes(file.frames);
      const atMost = file.dataFrames * FRAME_BYTES_AT_MOST + file.frames * ZERO_FRAME_BYTES_AT_MOST + tableBytes;
      const plan = planParts(atMost, FRAME_BYTES_AT_MOST, this.store.partLimits, {
        preferredBytes: this.config.partBytes,
        partsInFlight: this.config.partsInFlight,
        memoryBytes: this.config.memoryBytes,
      });

      const frames: Frame[] = [];
      const entries: { compressedBytes: number; plainBytes: number }[] = [];
      const sha256 = createHash('sha256');
      let plainBytes = 0;
      let storedBytes = 0;
      let told = 0;
      // Parts are stored out of order and are not plain bytes: told is the same share of what was read so far.
      const writer = new ObjectWriter(this.store, objectKey, plan, signal, (bytes) => {
        storedBytes += bytes;
        told = Math.max(told, Math.floor((plainBytes * storedBytes) / writer.offset));
        onProgress?.(told, file.fileBytes);
      });

      for await (const { plain, sha256: frameSha256, stored } of file.compressed(this.config.compressionLevel)) {
        signal.throwIfAborted();
        sha256.update(plain);
        const offset = writer.offset;
        plainBytes += plain.length;
        for (const piece of stored) await writer.append(piece);
        const length = writer.offset - offset;
        frames.push({ offset, length, sha256: frameSha256 });
        entries.push({ compressedBytes: length, plainBytes: plain.length });
      }
      await writer.append(encodeSeekTable(entries));
      await file.assertUnchanged();
      await writer.finish();
      return { objectBytes: writer.offset, fileBytes: file.fileBytes, sha256: sha256.digest('hex'), frames };
    } finally {
      await file.close();
    }
  }
}
