import { ChainDivergedError, ChainFullError } from './errors.js';
import type { FileId, InstanceId, LayerUid, OperationId } from './ids.js';

/** The most layers of its own that an instance's chain may have, at any instant. The base image is not one of them. */
export const MAX_OWN_LAYERS = 4;

/** What lies below an instance's own layers; `null` in a record where the lowest own layer has no backing file. */
export interface BaseImage {
  /** Absolute, as the backing string of the lowest own layer has it. */
  readonly path: string;
  readonly format: 'raw' | 'qcow2';
}

/** One of the instance's own layer files. */
export interface LayerFile {
  readonly fileId: FileId;
  /**
   * The state of the disk that the chain up to and including this file shows, named by the uid it was (or was
   * meant to be) uploaded under. `null` for the active layer, whose state has no name yet.
   */
  readonly asOf: LayerUid | null;
  /** Every uid that was merged into this file, oldest first; ends with `asOf`. */
  readonly layers: readonly LayerUid[];
  /** `<device>:<inode>`: identifies the file independently of its names. */
  readonly inode: string;
  /**
   * A merge into this file was begun and not finished: it shows the right state together with the layers above it, and
   * nothing by itself.
   */
  readonly mixture?: true;
}

/**
 * A failed layer that no longer stands in the chain: its data was folded into the file below to make room, and its
 * own file is kept because it is exactly what the next upload has to contain.
 */
export interface DetachedLayer {
  readonly fileId: FileId;
  readonly asOf: LayerUid;
  /** The stored state it is an increment on; `null` for the base image. */
  readonly backing: LayerUid | null;
}

/** What a rollback set aside. `undo` makes it the chain again. Its files are never written to nor deleted. */
export interface SafetyPoint {
  readonly operationId: OperationId;
  readonly files: readonly LayerFile[];
  readonly detached: DetachedLayer | null;
  readonly createdAt: string;
}

/**
 * What the instance's chain is, as far as we know: `.varve/chain.json` beside the disk. Written and synced before
 * and after every change of the chain, and compared with the real chain before any procedure.
 */
export interface ChainRecord {
  readonly version: 1;
  readonly instanceId: InstanceId;
  readonly base: BaseImage | null;
  readonly virtualSizeBytes: number;
  /** Own layers, lowest first; the last one is the active layer. Never more than {@link MAX_OWN_LAYERS}. */
  readonly files: readonly LayerFile[];
  readonly detached: DetachedLayer | null;
  readonly safety: SafetyPoint | null;
  /**
   * The stored state whose digests lie beside the record: a disk that was settled shows it nowhere any more, and is an
   * increment on it all the same. See {@link StateDigests}.
   */
  readonly digestsOf?: LayerUid;
  /**
   * Files that are about to join or leave the chain: made before the step that uses them, so that whatever a crash
   * leaves behind is known by name and can be deleted.
   */
  readonly transient: readonly FileId[];
}

/** The layer that the guest writes to. */
export function activeOf(record: ChainRecord): LayerFile {
  const active = record.files.at(-1);
  if (!active) throw new ChainDivergedError('at least one own layer', 'none');
  return active;
}

/** The read-only own layers, lowest first. */
export const sealedOf = (record: ChainRecord): readonly LayerFile[] => record.files.slice(0, -1);

/**
 * Judges the last snapshots: what of the chain is known to be in the store, and what must still be uploaded.
 *
 * A file stands for the state of the whole chain up to it, so the topmost sealed file whose uid was uploaded settles
 * all files below it. Whatever lies above belongs to snapshots that failed (or was never asked for).
 */
export function judge(
  sealed: readonly LayerFile[],
  detached: DetachedLayer | null,
  stored: ReadonlySet<LayerUid>,
): { backing: LayerUid | null; failed: readonly LayerFile[]; detached: DetachedLayer | null } {
  const lastStored = sealed.findLastIndex((file) => file.asOf !== null && stored.has(file.asOf));
  const above = sealed.slice(lastStored + 1);
  // The file that holds a detached layer's data also holds older, stored data: the detached file is uploaded instead.
  const holder = detached ? above.findLastIndex((file) => file.asOf === detached.asOf) : -1;
  if (detached && holder >= 0) return { backing: detached.backing, failed: above.slice(holder + 1), detached };
  return { backing: sealed[lastStored]?.asOf ?? null, failed: above, detached: null };
}

/** Whether a file is part of what a rollback set aside: it may be read, but never written to and never deleted. */
export const isPinned = (record: ChainRecord, fileId: FileId): boolean =>
  record.safety !== null &&
  (record.safety.files.some((file) => file.fileId === fileId) || record.safety.detached?.fileId === fileId);

/** Every file that the record still needs, in the chain or beside it. */
export function filesNeededBy(record: ChainRecord): ReadonlySet<FileId> {
  return new Set([
    ...record.files.map((file) => file.fileId),
    ...(record.detached ? [record.detached.fileId] : []),
    ...(record.safety ? record.safety.files.map((file) => file.fileId) : []),
    ...(record.safety?.detached ? [record.safety.detached.fileId] : []),
  ]);
}

/** @throws {ChainFullError} when one more own layer would pass {@link MAX_OWN_LAYERS} */
export function assertRoomForOneMore(files: readonly LayerFile[]): void {
  if (files.length >= MAX_OWN_LAYERS) throw new ChainFullError(files.length);
}

/** @throws {ChainFullError} always a bug: no procedure may get here */
export function assertChainLength(files: readonly LayerFile[]): void {
  if (files.length > MAX_OWN_LAYERS) throw new ChainFullError(files.length);
}
