import { ChainDivergedError } from '@varve/core';
import type { ChainRecord, FileId, InstanceId } from '@varve/core';
import type { Compute, DiskFiles, Hypervisor, ImageService, LayerStore } from '@varve/ports';

/** How a sealed layer is merged into the history; `auto` picks what was measured best for the host and situation. */
export type MergeStrategy = 'auto' | 'copy' | 'in-place';

export interface ProcedureSettings {
  readonly mergeStrategy: MergeStrategy;
  /** 0: as fast as it goes. */
  readonly mergeBytesPerSecond: number;
  /** Milliseconds, after which the outcome of a switch counts as unknown. */
  readonly switchDeadlineMs: number;
  /** The longest that a guest's file systems may stay frozen; milliseconds. */
  readonly quiesceDeadlineMs: number;
  /** Never used up by us: below this, what would need space is refused; bytes. */
  readonly reserveBytes: number;
  /** How long a guest may take to shut down by itself before a rollback cuts its power; milliseconds. */
  readonly stopGraceMs: number;
  /** The least that a settled disk is compared by, in bytes; 64 KiB unless told. */
  readonly pieceBytes?: number;
}

/** What a procedure works with. All that is not determined by the request and the journal comes from here. */
export interface ProcedureContext {
  readonly hypervisor: Hypervisor;
  readonly files: DiskFiles;
  readonly layers: LayerStore;
  readonly compute: Compute;
  readonly images: ImageService;
  readonly settings: ProcedureSettings;
  now(): Date;
  newFileId(): FileId;
  /** Waits for a place in the transfer lane: uploads, fetches and merges, of which only so many run at once on a host. */
  transfer<T>(work: () => Promise<T>): Promise<T>;
  /** For watchers; may be lost. */
  progress(
    phase: 'capturing' | 'uploading' | 'merging' | 'fetching' | 'restoring',
    doneBytes: number,
    totalBytes: number,
  ): void;
}

/** The record that the first step of every procedure saw to. */
export async function recordOf(ctx: ProcedureContext, instance: InstanceId): Promise<ChainRecord> {
  const record = await ctx.files.readRecord(instance);
  if (!record) throw new ChainDivergedError('a chain record', 'none');
  return record;
}

/** Has QEMU, if there is one, close what is no part of the disk: until then deleted files keep their space. */
export async function closeLeftovers(ctx: ProcedureContext, instance: InstanceId): Promise<void> {
  if ((await ctx.hypervisor.powerState(instance)) !== 'stopped') await ctx.hypervisor.closeLeftovers(instance);
}

/** Puts files on record before they are made, so that whatever a crash leaves of them can be found and deleted. */
export async function registerTransient(
  ctx: ProcedureContext,
  instance: InstanceId,
  files: readonly FileId[],
): Promise<void> {
  const record = await recordOf(ctx, instance);
  const transient = [...new Set([...record.transient, ...files])];
  if (transient.length > record.transient.length) await ctx.files.writeRecord({ ...record, transient });
}

/** Deletes files that are on record as transient, those excepted that the chain needs by now, and forgets them. */
export async function dropTransient(
  ctx: ProcedureContext,
  instance: InstanceId,
  files: readonly FileId[],
  needed: (record: ChainRecord) => ReadonlySet<FileId>,
): Promise<void> {
  const record = await recordOf(ctx, instance);
  const keep = needed(record);
  for (const file of files) if (!keep.has(file)) await ctx.files.removeLayer(instance, file);
  const transient = record.transient.filter((file) => !files.includes(file));
  if (transient.length < record.transient.length) await ctx.files.writeRecord({ ...record, transient });
}
