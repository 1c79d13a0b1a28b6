import type { BaseImage, ChainRecord, Extent, FileId, InstanceId, StateDigests } from '@varve/core';

export const DISK_FILES = Symbol('DiskFiles');

/** What a new or changed layer stands on; `null`: nothing. */
export type Backing =
  { readonly kind: 'layer'; readonly file: FileId } | { readonly kind: 'base'; readonly base: BaseImage };

/** One of an instance's own layers, as the headers on disk say. */
export interface FoundLayer {
  /** `<device>:<inode>` */
  readonly inode: string;
  /** Absolute; the permanent name, or `<instance>/disk` for the active layer. */
  readonly path: string;
  readonly backing: { readonly path: string; readonly format: string } | null;
  readonly virtualSizeBytes: number;
}

/** A chain that ends at a layer of its own that is not here. */
export interface ChainBreak {
  /** What there is of it, active layer first. */
  readonly layers: readonly FoundLayer[];
  /** What the lowest of these stands on. */
  readonly missing: FileId;
  /** A base image of the name that the missing layer has, where this host keeps such images; `null`: there is none. */
  readonly basePath: string | null;
}

/** Enough to notice that a file was written to, or is another one. */
export interface Fingerprint {
  readonly inode: string;
  readonly sizeBytes: number;
  readonly mtimeNs: string;
  readonly ctimeNs: string;
}

/** What a file is in bytes. */
export interface Footprint {
  /** Its length. */
  readonly fileBytes: number;
  /** What it takes on the disk: layers have holes. */
  readonly allocatedBytes: number;
}

/** Writes into an image that no guest has open; positions and lengths in guest bytes, multiples of 512. */
export interface ImageWriter {
  write(guestOffset: number, bytes: Buffer): Promise<void>;
  /** Reads as zeros from now on, whatever lies below. */
  zero(guestOffset: number, length: number): Promise<void>;
  /** Flushes and closes. Without it what was written may be lost. */
  finish(): Promise<void>;
  /** Closes without saying that anything was kept. Safe after `finish`. */
  close(): Promise<void>;
}

export interface ImageReader {
  /** Reads through the chain below the file. */
  read(guestOffset: number, length: number): Promise<Buffer>;
  close(): Promise<void>;
}

/** A disk as one file that stands on nothing. */
export interface FlatImage {
  /** Of the file. */
  readonly sizeBytes: number;
  /** The file from its first byte to its last; the same bytes each time. */
  content(): AsyncIterable<Buffer>;
  close(): Promise<void>;
}

/**
 * The files of an instance's system disk on this host:
 *
 *     <instance>/disk                                  second name of the active layer
 *     <instance>/layers/<file id>/<basename of base>   the one permanent name of every layer file
 *     <instance>/.varve/chain.json                     the chain record
 *
 * Every change is on the disk (synced, with its directory) when the promise resolves. Names of layers are only made
 * here, from ids. Files get the owner of the instance directory. No image is ever probed for its format.
 */
export interface DiskFiles {
  /** Absolute. Changes nothing and does not look whether the file is there. */
  layerPath(instance: InstanceId, file: FileId): Promise<string>;

  /** Absolute: `<instance>/disk`. */
  diskPath(instance: InstanceId): Promise<string>;

  // ---- the record

  /** `null`: we have never touched this instance. */
  readRecord(instance: InstanceId): Promise<ChainRecord | null>;
  /** Replaces it atomically. */
  writeRecord(record: ChainRecord): Promise<void>;
  /** `null`: none, or none that can be read. */
  readDigests(instance: InstanceId): Promise<StateDigests | null>;
  /** Replaces them atomically; `null` deletes them. There must be a record. */
  writeDigests(instance: InstanceId, digests: StateDigests | null): Promise<void>;

  // ---- looking

  /**
   * The own layers by following the headers from `disk` down, active layer first, up to the base image.
   *
   * @throws {DiskUnsupportedError} not a qcow2 file, encrypted, with internal snapshots, a data file, marked corrupt,
   *   or on a base image that has a backing file itself
   * @throws {LayersGoneError} `layers_missing`: it names a layer of its own that is not here
   * @throws {NotFoundError} there is no such instance here
   */
  findChain(instance: InstanceId): Promise<FoundLayer[]>;
  /** As {@link findChain}, of a chain that lacks a layer of its own. @returns `null`: it lacks none */
  findBreak(instance: InstanceId): Promise<ChainBreak | null>;
  /**
   * The chain record in the directory that Nova set aside for a resize, and did not come back to.
   *
   * @returns `null`: there is none, or not all that it names lies there, each file the one on record
   */
  setAside(instance: InstanceId): Promise<ChainRecord | null>;
  /** What the name `disk` leads to; `null`: the name is missing. */
  diskInode(instance: InstanceId): Promise<string | null>;
  /** `null`: no such layer file. */
  fingerprint(instance: InstanceId, file: FileId): Promise<Fingerprint | null>;
  /** Bytes that the layer file takes up on the disk; 0 when it is missing. */
  allocatedBytes(instance: InstanceId, file: FileId): Promise<number>;
  /** Of a layer file, or of what `disk` leads to; `null`: there is none. One look at the file. */
  footprint(instance: InstanceId, file: FileId | 'disk'): Promise<Footprint | null>;
  /** Whether some process has the layer open as a guest's writable disk. */
  isOpenForWriting(instance: InstanceId, file: FileId): Promise<boolean>;
  /** Which guest ranges the layer alone defines; the file must not be open for writing. Sorted, without overlap. */
  extents(instance: InstanceId, file: FileId): Promise<Extent[]>;
  /**
   * Whether the layer alone defines every range that any of the others defines, as its file on the disk tells: those may
   * then go. The layer may be open for writing, the others not; what QEMU still holds back does not count.
   */
  definesAllOf(instance: InstanceId, file: FileId, others: readonly FileId[]): Promise<boolean>;
  /** Space left for us in the instance directory's file system. */
  freeBytes(instance: InstanceId): Promise<number>;
  /** Whether copies in the instance directory share blocks. */
  canReflink(instance: InstanceId): Promise<boolean>;
  /** Identity of a base image; computed once per file and remembered. */
  baseDigest(base: BaseImage): Promise<{ sha256: string; sizeBytes: number }>;
  /** What is known of a base image without reading it; `null`: it is not there. */
  baseFacts(base: BaseImage): Promise<{ sizeBytes: number; sha256: string | null } | null>;
  /**
   * A base image of this content: the instance's own, or another that is kept on this host. `null`: there is none.
   *
   * @param wanted.format - of the file; it is not looked for
   */
  findBase(
    instance: InstanceId,
    wanted: { sha256: string; sizeBytes: number; format: BaseImage['format'] },
  ): Promise<BaseImage | null>;

  // ---- changing

  /**
   * Moves what {@link setAside} has found back into the instance's directory, over whatever is there, and does away with
   * the rest. `disk` comes first: it can't be opened before its last layer is back. Repeatable.
   */
  takeBack(instance: InstanceId): Promise<void>;
  /** Gives what `disk` leads to its permanent name. Repeatable. @returns its inode */
  adoptDisk(instance: InstanceId, file: FileId): Promise<{ inode: string }>;
  /**
   * Makes an empty layer, with extended L2 entries, so that a 4 KiB write costs about 4 KiB. Opens no other file.
   * Repeatable: an existing file of that id is replaced unless it is open.
   *
   * @param clusters - `plain`: without extended L2 entries, as a layer must be that is streamed into
   */
  createLayer(
    instance: InstanceId,
    file: FileId,
    backing: Backing | null,
    virtualSizeBytes: number,
    clusters?: 'extended' | 'plain',
  ): Promise<{ inode: string }>;
  /**
   * Copies a layer that nobody writes to, holes kept, blocks shared where the file system can, and sees to it that the
   * copy's backing link is the source's. Repeatable.
   */
  copyLayer(instance: InstanceId, from: FileId, to: FileId): Promise<{ inode: string }>;
  /** Rewrites the backing link alone; no guest may have the file open. */
  setBacking(instance: InstanceId, file: FileId, backing: Backing | null): Promise<void>;
  /**
   * Merges `from` into `into`, which must be its backing file; `from` stays as it is. Repeatable after a crash.
   * No guest may have either file open for writing.
   */
  commitOffline(instance: InstanceId, from: FileId, into: FileId): Promise<void>;
  /** @throws {DiskUnsupportedError} `disk_corrupt`; leaked clusters are no damage */
  checkLayer(instance: InstanceId, file: FileId): Promise<void>;
  /** Syncs a layer file that QEMU wrote: what it merged, or a header. To be done before the layers that it replaces go. */
  syncLayer(instance: InstanceId, file: FileId): Promise<void>;
  /** Moves the name `disk` to the layer: hard link, rename, sync; `disk` is never missing. Repeatable. */
  pointDiskAt(instance: InstanceId, file: FileId): Promise<void>;
  /**
   * Deletes a layer file and its directory; nothing to do when it is gone.
   *
   * @throws {ChainDivergedError} somebody writes to it: whatever is on record, a guest's data is there
   */
  removeLayer(instance: InstanceId, file: FileId): Promise<void>;

  /** Opens a layer that nobody has open, to be written by us. */
  openWriter(instance: InstanceId, file: FileId): Promise<ImageWriter>;
  /** Opens a sealed layer; a running QEMU may have it open too. */
  openReader(instance: InstanceId, file: FileId): Promise<ImageReader>;
  /**
   * What a sealed layer shows, with all that it stands on, as an image of its own that is made while it is read. As
   * `qcow2` it leaves out what reads as zeros; `raw` is the disk itself.
   */
  openFlat(instance: InstanceId, file: FileId, format: 'qcow2' | 'raw'): Promise<FlatImage>;
}
