import { hash } from 'node:crypto';
import { ManifestUnusableError, ObjectCorruptError, ObjectMissingError, StoreUnavailableError } from '@varve/core';
import type { LayerManifest, LayerUid } from '@varve/core';
import type { FileRun, LayerRef, LayerSource, LayerStore, StoredLayer, TransferOptions } from '../layer-store.port.js';
import type { FakeFile } from './fake-host-files.js';
import { plainBytesOf } from './fake-host-files.js';

interface StoredObject {
  readonly manifest: LayerManifest;
  readonly layer: StoredLayer;
  /** Offset in the plain file -> what the block there holds. */
  readonly bytes: Map<number, number>;
  corrupt: boolean;
}

/**
 * A store that really holds what it was given, so that a disk can be restored from it alone. Can be down, fail a few
 * times, and damage what it holds.
 */
export class FakeLayerStore implements LayerStore {
  isDown = false;
  /** So many calls fail before the next one works. */
  failures = 0;
  fetchedBytes = 0;
  uploadedBytes = 0;
  /** As the host's watcher: called before, amid and after each effect; may throw. */
  watcher: ((point: string) => void) | null = null;
  private readonly objects = new Map<LayerUid, StoredObject>();

  /**
   * @param lookUp - the file that a path leads to
   * @param blockBytes - of the fake host
   */
  constructor(
    private readonly lookUp: (path: string) => FakeFile | null,
    private readonly blockBytes: number,
  ) {}

  async upload(source: LayerSource, options: TransferOptions = {}): Promise<StoredLayer> {
    this.watcher?.('before upload');
    this.assertUp(options);
    const there = this.objects.get(source.uid);
    if (there) return there.layer;

    const file = this.lookUp(source.path);
    if (!file) throw new Error(`No file ${source.path}`);
    // In two halves: what is written to meanwhile arrives torn, and that is to be found out.
    const places = [...plainBytesOf(file, this.blockBytes).keys()];
    const bytes = new Map<number, number>();
    for (const [i, place] of places.entries()) {
      if (i === places.length >> 1) {
        options.onProgress?.(i * this.blockBytes, places.length * this.blockBytes);
        this.watcher?.('amid upload');
        this.assertUp(options);
      }
      bytes.set(place, plainBytesOf(file, this.blockBytes).get(place) ?? 0);
    }
    const object = this.describe(source, bytes);
    this.objects.set(source.uid, object);
    this.uploadedBytes += bytes.size * this.blockBytes;
    this.watcher?.('after upload');
    return object.layer;
  }

  async manifests(refs: readonly LayerRef[], options: TransferOptions = {}): Promise<LayerManifest[]> {
    this.watcher?.('look');
    if (refs.length > 0) this.assertUp(options);
    return refs.map((ref) => {
      const object = this.objects.get(ref.uid);
      if (!object) throw new ObjectMissingError(ref.manifestKey);
      if (object.layer.manifestSha256 !== ref.manifestSha256) throw new ManifestUnusableError(ref.uid, 'another one');
      return object.manifest;
    });
  }

  async *read(
    manifest: LayerManifest,
    runs: readonly FileRun[],
    options: TransferOptions & { onFetched?: (objectBytes: number) => void } = {},
  ): AsyncIterable<{ fileOffset: number; bytes: Buffer }> {
    const object = this.objects.get(manifest.uid);
    if (!object) throw new ObjectMissingError(manifest.objectKey);
    for (const run of runs) {
      for (let at = run.fileOffset; at < run.fileOffset + run.length; at += this.blockBytes) {
        this.watcher?.('look');
        this.assertUp(options);
        if (object.corrupt) throw new ObjectCorruptError(manifest.objectKey, 'a frame has another digest');
        this.fetchedBytes += this.blockBytes;
        options.onFetched?.(this.blockBytes);
        yield { fileOffset: at, bytes: Buffer.alloc(this.blockBytes, object.bytes.get(at) ?? 0) };
      }
    }
  }

  async delete({ objectKey }: { objectKey: string; manifestKey: string }): Promise<void> {
    this.assertUp({});
    for (const [uid, { layer }] of this.objects) if (layer.objectKey === objectKey) this.objects.delete(uid);
  }

  // ---- what tests do and look at

  has(uid: LayerUid): boolean {
    return this.objects.has(uid);
  }

  corrupt(uid: LayerUid): void {
    const object = this.objects.get(uid);
    if (object) object.corrupt = true;
  }

  manifestOf(uid: LayerUid): LayerManifest {
    const object = this.objects.get(uid);
    if (!object) throw new Error(`Layer ${uid} is not in the store`);
    return object.manifest;
  }

  /**
   * The whole disk as of a layer, from the store's contents and the base image alone, in the plainest way: each layer
   * over the one below.
   */
  restore(uid: LayerUid, base: readonly number[]): number[] {
    const { manifest, bytes } = this.objects.get(uid) ?? this.missing(uid);
    const disk = manifest.backing.kind === 'layer' ? this.restore(manifest.backing.uid, base) : [...base];
    for (const [guestOffset, length, fileOffset] of manifest.extents) {
      for (let at = 0; at < length; at += this.blockBytes) {
        const value = fileOffset === -1 ? 0 : bytes.get(fileOffset + at);
        if (value === undefined) throw new Error(`Layer ${uid} lacks what its manifest says is at ${fileOffset + at}`);
        disk[(guestOffset + at) / this.blockBytes] = value;
      }
    }
    return disk;
  }

  private missing(uid: LayerUid): never {
    throw new Error(`Layer ${uid} is not in the store`);
  }

  private assertUp({ signal }: TransferOptions): void {
    signal?.throwIfAborted();
    if (this.failures > 0) {
      this.failures--;
      throw new StoreUnavailableError('The store hung up');
    }
    if (this.isDown) throw new StoreUnavailableError('The store is down');
  }

  private describe(source: LayerSource, bytes: Map<number, number>): StoredObject {
    const { uid, instanceId, projectId, backing, extents, virtualSizeBytes, clusterBytes } = source;
    const { consistency, sealedAt, tools } = source;
    const key = `${projectId}/${instanceId}/layers/${uid}`;
    const size = bytes.size * this.blockBytes;
    const manifest: LayerManifest = {
      version: 1,
      uid,
      instanceId,
      projectId,
      backing,
      objectKey: `${key}.qcow2.zst`,
      objectBytes: size,
      fileBytes: size,
      sha256: hash('sha256', JSON.stringify([...bytes])),
      frameBytes: this.blockBytes,
      frames: [],
      virtualSizeBytes,
      clusterBytes,
      extents: [...extents],
      consistency,
      sealedAt,
      tools,
    };
    const layer: StoredLayer = {
      uid,
      backingUid: backing.kind === 'layer' ? backing.uid : null,
      baseSha256: backing.kind === 'base' ? backing.sha256 : null,
      objectKey: manifest.objectKey,
      manifestKey: `${key}.json`,
      manifestSha256: hash('sha256', JSON.stringify(manifest)),
      sha256: manifest.sha256,
      objectBytes: size,
      fileBytes: size,
      changedBytes: extents.reduce((sum, [, length]) => sum + length, 0),
      virtualSizeBytes,
    };
    return { manifest, layer, bytes, corrupt: false };
  }
}
