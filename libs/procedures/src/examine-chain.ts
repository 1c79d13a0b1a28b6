import {
  ChainDivergedError,
  DiskBusyError,
  DiskUnsupportedError,
  filesNeededBy,
  LayersGoneError,
  NoSpaceError,
  NotFoundError,
} from '@varve/core';
import type { ChainRecord, FileId, InstanceId, LayerUid } from '@varve/core';
import type { FoundLayer, Intent, OpenLayer, PowerState } from '@varve/ports';
import type { ProcedureContext } from './context.js';
import { closeLeftovers, dropTransient, recordOf } from './context.js';
import { repeatable } from './engine/step.js';
import type { Step } from './engine/step.js';
import { undoUnflushedMerge } from './settle-disk.js';

/**
 * The first step of every procedure: nobody else is at the instance, and the chain on disk, the chain that QEMU has open
 * and the chain on record are the same, or nothing is done. An instance that we never touched is put on record.
 *
 * @param adopted - what the layer of an instance that we never touched will be called
 */
export function examineChain(
  ctx: ProcedureContext,
  { instanceId: instance, topLayerUid }: Examined,
  adopted: FileId,
  intent: Intent = 'snapshot',
): Step<{ powerState: PowerState; ownLayers: number; isBroken?: true }> {
  return repeatable(async () => {
    await ctx.compute.assertFree?.(instance, intent);
    if (!(await ctx.hypervisor.find(instance))) throw new NotFoundError('instance', instance);
    if (intent === 'rollback' && (await isBrokenOff(ctx, instance))) {
      return { powerState: 'stopped', ownLayers: (await recordOf(ctx, instance)).files.length, isBroken: true };
    }
    const onRecord = await ctx.files.readRecord(instance);
    if (onRecord) await adoptEndedMerge(ctx, instance);
    const found = await ctx.files.findChain(instance);
    // A rollback puts all to rights, and keeps what is there.
    if (!onRecord && intent !== 'rollback') assertNotLost(found, topLayerUid);
    const record = onRecord ? await recordOf(ctx, instance) : await enrol(ctx, instance, found, adopted);
    assertOnDisk(record, found);

    const powerState = await ctx.hypervisor.powerState(instance);
    if (powerState !== 'stopped') {
      const job = await ctx.hypervisor.foreignJob(instance);
      if (job !== null) throw new DiskBusyError(instance, job);
      await ctx.hypervisor.closeLeftovers(instance);
      const open = await ctx.hypervisor.openLayers(instance);
      if (open) await untrueNames(ctx, record, open);
    }
    await dropTransient(ctx, instance, record.transient, filesNeededBy);
    return { powerState, ownLayers: record.files.length };
  });
}

interface Examined {
  readonly instanceId: InstanceId;
  /** What the layers below the active one have to show; `null`: nothing; `undefined`: not known. */
  readonly topLayerUid?: LayerUid | null | undefined;
}

/**
 * A disk that has the layers that it had only in the catalog was made anew: by a live migration of its blocks, for one,
 * which copies the active layer onto a fresh disk. It boots, and shows data that is too old.
 *
 * @throws {LayersGoneError}
 */
export function assertNotLost(found: readonly FoundLayer[], top: LayerUid | null | undefined): void {
  if (found.length !== 1 || !top) return;
  throw new LayersGoneError(
    'layers_lost',
    'The disk has lost the layers that it stood on, and what they held with them: roll back to a restore point, or, where ' +
      'it was made anew on purpose, accept it with a repair',
    { topLayerUid: top },
  );
}

/**
 * Whether the chain lacks a layer of its own, in a stopped instance whose record agrees with what there is of it.
 *
 * @throws {ChainDivergedError} it does not
 */
async function isBrokenOff(ctx: ProcedureContext, instance: InstanceId): Promise<boolean> {
  if ((await ctx.hypervisor.powerState(instance)) !== 'stopped') return false;
  const broken = await ctx.files.findBreak(instance);
  if (!broken) return false;
  assertTopOnDisk(await recordOf(ctx, instance), broken.layers);
  return true;
}

/** @throws {ChainDivergedError} what there is of a chain is not the upper part of the one on record */
export function assertTopOnDisk(record: ChainRecord, found: readonly FoundLayer[]): void {
  const expected = record.files.slice(-found.length).map((file) => file.inode);
  const inodes = found.map((layer) => layer.inode).reverse();
  if (expected.join(' ') === inodes.join(' ')) return;
  throw new ChainDivergedError(expected.join(' under '), inodes.join(' under '));
}

/** @throws {NoSpaceError} fewer than `needBytes` are free beyond the reserve */
export async function assertSpace(
  ctx: ProcedureContext,
  instance: InstanceId,
  needBytes: number,
  what: string,
): Promise<void> {
  const free = await ctx.files.freeBytes(instance);
  const need = needBytes + ctx.settings.reserveBytes;
  if (free < need) throw new NoSpaceError(need, free, what);
}

/** Puts an instance on record that we never touched. */
export async function enrol(
  ctx: ProcedureContext,
  instance: InstanceId,
  found: readonly FoundLayer[],
  adopted: FileId,
): Promise<ChainRecord> {
  const [active, ...others] = found;
  if (!active || others.length > 0) {
    throw new DiskUnsupportedError(
      'disk_chain_unsupported',
      'The disk already has layers that Varve did not make; merge them first',
      { layers: String(found.length) },
    );
  }
  const { inode } = await ctx.files.adoptDisk(instance, adopted);
  const record: ChainRecord = {
    version: 1,
    instanceId: instance,
    base: active.backing ? { path: active.backing.path, format: baseFormat(active.backing.format) } : null,
    virtualSizeBytes: active.virtualSizeBytes,
    files: [{ fileId: adopted, asOf: null, layers: [], inode }],
    detached: null,
    safety: null,
    transient: [],
  };
  await ctx.files.writeRecord(record);
  return record;
}

function baseFormat(format: string): 'raw' | 'qcow2' {
  if (format === 'raw' || format === 'qcow2') return format;
  throw new DiskUnsupportedError('disk_chain_unsupported', `The base image has the format ${format}`, { format });
}

/**
 * A merge in place belongs to QEMU: it may have come to its end after the procedure that began it had given up, or had
 * heard that it was refused. Puts the merged layer on record, where the chain on disk lacks just the layer above a
 * mixture. What a QEMU did that has died since is not believed: see {@link undoUnflushedMerge}.
 */
export async function adoptEndedMerge(ctx: ProcedureContext, instance: InstanceId): Promise<void> {
  const record = await recordOf(ctx, instance);
  const lowerIndex = record.files.findIndex((file) => file.mixture);
  const [lower, upper, ...above] = record.files.slice(lowerIndex);
  if (lowerIndex < 0 || !lower || !upper) return;
  if ((await ctx.hypervisor.powerState(instance)) === 'stopped') return undoUnflushedMerge(ctx.files, instance);

  const found = await ctx.files.findChain(instance);
  const isOver = found.length === record.files.length - 1 && found.every(({ inode }) => inode !== upper.inode);
  if (!isOver) return;
  // What was sealed since was so by a QEMU that had no job any more.
  if (above.length === 1) await commitLayer(ctx, instance, { lower: lower.fileId, upper: upper.fileId });
  const { mixture: _, ...merged } = { ...lower, asOf: upper.asOf, layers: [...lower.layers, ...upper.layers] };
  const files = record.files.toSpliced(lowerIndex, 2, merged);
  const after = { ...record, files, transient: [...record.transient, upper.fileId] };
  assertOnDisk(after, found);
  // Nobody has seen to it yet that they outlast a power cut, and with this record the layer between is let go of.
  for (const file of [lower, ...above]) await ctx.files.syncLayer(instance, file.fileId);
  await ctx.files.writeRecord(after);
}

/** At the end of a procedure, and for one that gives up: nothing stays that the chain has no use for. */
export async function tidyUp(ctx: ProcedureContext, instance: InstanceId): Promise<void> {
  await closeLeftovers(ctx, instance);
  await adoptEndedMerge(ctx, instance);
  await dropTransient(ctx, instance, (await recordOf(ctx, instance)).transient, filesNeededBy);
}

/** Until QEMU says that it is done, or was before: the header alone says so too early, see {@link undoUnflushedMerge}. */
export async function commitLayer(
  ctx: ProcedureContext,
  instance: InstanceId,
  { lower, upper }: { lower: FileId; upper: FileId },
): Promise<void> {
  await ctx.hypervisor.commit(
    instance,
    await ctx.files.layerPath(instance, upper),
    await ctx.files.layerPath(instance, lower),
    {
      bytesPerSecond: ctx.settings.mergeBytesPerSecond,
      onProgress: (done, total) => ctx.progress('merging', done, total),
    },
  );
}

export function assertOnDisk(record: ChainRecord, found: readonly FoundLayer[]): void {
  const expected = [...record.files].reverse().map((file) => file.inode);
  const inodes = found.map((layer) => layer.inode);
  if (expected.join(' ') !== inodes.join(' '))
    throw new ChainDivergedError(expected.join(' over '), inodes.join(' over '));
  const base = found.at(-1)?.backing?.path ?? 'none';
  if (base !== (record.base?.path ?? 'none')) throw new ChainDivergedError(record.base?.path ?? 'no base image', base);
}

/**
 * Compares what QEMU has open with the record, by inode.
 *
 * @returns the sealed layers that QEMU knows by a name that has come to mean another file (the layer it was started on
 *   under the name `disk`), or that it still has open for writing: such a layer may be read and be merged into the one
 *   below, but nothing may be merged into it.
 * @throws {ChainDivergedError} QEMU has something else open
 */
export async function untrueNames(
  ctx: ProcedureContext,
  record: ChainRecord,
  open: readonly OpenLayer[],
): Promise<ReadonlySet<FileId>> {
  const own = [...record.files].reverse();
  const describe = (): string => open.map((layer) => layer.inode ?? 'nothing').join(' over ');
  if (open.length !== own.length + (record.base ? 1 : 0)) {
    throw new ChainDivergedError(`${own.length} own layers open`, describe());
  }
  const untrue = new Set<FileId>();
  for (const [depth, file] of own.entries()) {
    const layer = open[depth];
    const trueName = layer?.name === (await ctx.files.layerPath(record.instanceId, file.fileId));
    const sameFile = layer?.inode === file.inode;
    if ((trueName || depth === 0) && !sameFile) throw new ChainDivergedError(file.inode, describe());
    // A merge that is under way has its target open for writing.
    if (depth > 0 && (!trueName || !(layer.readOnly || file.mixture))) untrue.add(file.fileId);
  }
  return untrue;
}
