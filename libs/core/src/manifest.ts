import type { InstanceId, LayerUid, ProjectId } from './ids.js';

/** What the guest's file systems could be relied on for at the moment of the seal. */
export type Consistency = 'crash' | 'filesystem';

/**
 * A run of guest bytes that a layer defines, in bytes: `[guest offset, length, offset in the plain layer file]`.
 * An offset of -1 says that the run reads as zeros and has no bytes in the file.
 */
export type Extent = readonly [guestOffset: number, length: number, fileOffset: number];

/** A run of the plain layer file, compressed on its own. All are `frameBytes` long but the last. */
export interface Frame {
  /** Where its zstd frame begins in the object, and how long that is; bytes. */
  readonly offset: number;
  readonly length: number;
  /** Lower-case hex, of the plain bytes. */
  readonly sha256: string;
}

/** What a layer's first own layer stands on. */
export type BackingRef =
  | { readonly kind: 'layer'; readonly uid: LayerUid }
  | { readonly kind: 'base'; readonly sha256: string; readonly sizeBytes: number; readonly format: 'raw' | 'qcow2' }
  | { readonly kind: 'none' };

/** `<uid>.json` beside the layer's object. Written last: a layer without one does not exist. */
export interface LayerManifest {
  readonly version: 1;
  readonly uid: LayerUid;
  readonly instanceId: InstanceId;
  readonly projectId: ProjectId;
  readonly backing: BackingRef;
  readonly objectKey: string;
  /** Of the object, seek table included. */
  readonly objectBytes: number;
  /** Of the plain qcow2 file, holes included. */
  readonly fileBytes: number;
  /** Of the whole plain file; lower-case hex. */
  readonly sha256: string;
  readonly frameBytes: number;
  readonly frames: readonly Frame[];
  readonly virtualSizeBytes: number;
  readonly clusterBytes: number;
  /** Sorted by guest offset, without overlap. */
  readonly extents: readonly Extent[];
  readonly consistency: Consistency;
  /** RFC 3339: the moment that the layer stands for. */
  readonly sealedAt: string;
  readonly tools: Readonly<Record<string, string>>;
}
