import type { BackingRef, Consistency, Extent, InstanceId, LayerManifest, LayerUid, ProjectId } from '@varve/core';

export const LAYER_STORE = Symbol('LayerStore');

/** A layer that is about to be stored. */
export interface LayerSource {
  readonly uid: LayerUid;
  readonly instanceId: InstanceId;
  readonly projectId: ProjectId;
  readonly backing: BackingRef;
  /** Absolute path of the plain qcow2 file; nobody writes to it until the upload is over. */
  readonly path: string;
  readonly extents: readonly Extent[];
  readonly virtualSizeBytes: number;
  readonly clusterBytes: number;
  readonly consistency: Consistency;
  readonly sealedAt: string;
  readonly tools: Readonly<Record<string, string>>;
}

/** A layer that is in the store, whole and verified: what the catalog's success list is made of. */
export interface StoredLayer {
  readonly uid: LayerUid;
  readonly backingUid: LayerUid | null;
  readonly baseSha256: string | null;
  readonly objectKey: string;
  readonly manifestKey: string;
  readonly manifestSha256: string;
  readonly sha256: string;
  readonly objectBytes: number;
  readonly fileBytes: number;
  /** Guest bytes that the layer defines. */
  readonly changedBytes: number;
  readonly virtualSizeBytes: number;
}

/** What is needed to find a stored layer and to know it for the right one. */
export interface LayerRef {
  readonly uid: LayerUid;
  readonly manifestKey: string;
  readonly manifestSha256: string;
}

export interface TransferOptions {
  readonly signal?: AbortSignal;
  /** In bytes of the plain file, or of objects when reading. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

/** A run of a plain layer file. */
export interface FileRun {
  readonly fileOffset: number;
  readonly length: number;
}

/** Layers in the object store, in the format of `docs/layer-format.md`. */
export interface LayerStore {
  /**
   * Stores the layer, then its manifest, and verifies both. Goes on where an earlier life of this process stopped.
   * A layer that is there already is left alone.
   *
   * @throws {StoreUnavailableError | StoreRefusedError} nothing visible was left behind; what was sent may be used again
   */
  upload(source: LayerSource, options?: TransferOptions): Promise<StoredLayer>;

  /**
   * @returns in the order asked for
   * @throws {ObjectMissingError | ManifestUnusableError} absent, or not the one that the catalog knows
   */
  manifests(refs: readonly LayerRef[], options?: TransferOptions): Promise<LayerManifest[]>;

  /**
   * Reads runs of one layer. Fetches only the frames they lie in, each once, and checks each against the manifest
   * before any byte of it is given out.
   *
   * @param runs - sorted by file offset
   * @returns the bytes of each run, in order, in pieces
   * @throws {ObjectCorruptError | ObjectMissingError}
   */
  read(
    manifest: LayerManifest,
    runs: readonly FileRun[],
    options?: TransferOptions & { onFetched?: (objectBytes: number) => void },
  ): AsyncIterable<{ fileOffset: number; bytes: Buffer }>;

  /** Deletes the manifest, then the object, then what was left of an upload. Nothing to do when they are gone. */
  delete(layer: { objectKey: string; manifestKey: string }): Promise<void>;
}
