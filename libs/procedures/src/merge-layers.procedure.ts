import {
  activeOf,
  assertChainLength,
  ChainDivergedError,
  filesNeededBy,
  isPinned,
  ServiceError,
  problemOf,
} from '@varve/core';
import type { ChainRecord, DetachedLayer, FileId, InstanceId, LayerFile, Problem } from '@varve/core';
import type { ProcedureContext } from './context.js';
import { closeLeftovers, dropTransient, recordOf, registerTransient } from './context.js';
import type { Step } from './engine/step.js';
import { assertSpace, commitLayer, untrueNames } from './examine-chain.js';
import { undoUnflushedMerge } from './settle-disk.js';

/**
 * Merges two sealed layers of a running instance into one. Its guest goes on writing to the active layer.
 *
 *     before   [base] <- [below…] <- [lower] <- [upper] <- [active]
 *     after    [base] <- [below…] <- [merged] <- [active]
 *
 * `in-place`: QEMU commits `upper` into `lower`. Cheapest by far, needs no space; until it is done `lower` is a mixture
 * and only the chain as a whole is right. Forbidden where `lower` must not be written to: QEMU knows it by a name that
 * means another file by now (it would write into the active layer, and say that all went well), or it belongs to what
 * a rollback set aside.
 *
 * `copy`: both are copied, the copies' backing links verified and mended, the copies merged, the active layer
 * re-pointed and reopened in the running QEMU, and then the sources deleted. The sources are never written to.
 *
 * Dying at any point leaves a chain that opens and shows every byte: the active layer's header names either `upper` or
 * the merged layer, and both lead to the same data. Which of the two is the case decides what `do` still has to do.
 */
export function mergeLayers(
  ctx: ProcedureContext,
  instance: InstanceId,
  { lower, upper }: Pair,
  names: MergeNames,
  options: MergeOptions,
): Step<MergeResult> {
  return {
    recover: async () => {
      const record = await recordOf(ctx, instance);
      const merged = record.files.find((file) => file.fileId === lower || file.fileId === names.lowerCopy);
      if (record.files.some((file) => file.fileId === upper) || !merged) return null;
      const strategy = merged.fileId === lower ? 'in-place' : 'copy';
      return { result: { kind: 'merged', strategy, into: merged.fileId, seconds: 0 } };
    },
    do: () => ctx.transfer(() => merge(ctx, instance, { lower, upper }, names, options)),
  };
}

export interface Pair {
  readonly lower: FileId;
  readonly upper: FileId;
}

/** Names for files that a merge may have to make. */
export interface MergeNames {
  readonly lowerCopy: FileId;
  readonly upperCopy: FileId;
}

export interface MergeOptions {
  /** `tidy`: leave it for later where it would cost a whole copy; `must`: whatever it costs. */
  readonly need: 'must' | 'tidy';
  /** Takes the upper layer's data out of the chain's account: see {@link DetachedLayer}. Its file is kept. */
  readonly detach?: DetachedLayer;
}

export type MergeResult =
  | { readonly kind: 'merged'; readonly strategy: 'in-place' | 'copy'; readonly into: FileId; readonly seconds: number }
  /** The chain is as it was. `problem` is `null` where leaving it is the better choice. */
  | { readonly kind: 'left'; readonly problem: Problem | null };

/** The two sealed layers directly below the active one; `null` when there are not two. */
export function topPair(record: ChainRecord): Pair | null {
  const [lower, upper] = record.files.slice(0, -1).slice(-2);
  return lower && upper ? { lower: lower.fileId, upper: upper.fileId } : null;
}

/**
 * Why a merge is left for the next procedure. Copies are gone on with whatever was refused: QEMU may have begun to use
 * them.
 */
const CAN_WAIT: Readonly<Record<'in-place' | 'copy', readonly string[]>> = {
  'in-place': ['no_space', 'disk_busy', 'hypervisor_refused'],
  copy: ['no_space'],
};

async function merge(
  ctx: ProcedureContext,
  instance: InstanceId,
  { lower, upper }: Pair,
  names: MergeNames,
  options: MergeOptions,
): Promise<MergeResult> {
  const startedAt = ctx.now().getTime();
  const record = await withDetached(ctx, await recordOf(ctx, instance), lower, options.detach);
  const pair = topPair(record);
  if (pair?.lower !== lower || pair.upper !== upper) throw new ChainDivergedError(`${lower} below ${upper}`, 'others');
  const done = (strategy: 'in-place' | 'copy', into: FileId): MergeResult => ({
    kind: 'merged',
    strategy,
    into,
    seconds: (ctx.now().getTime() - startedAt) / 1000,
  });

  // An earlier life may have got as far as the active layer's header. One that merged copies had synced them before.
  const below = await inodeBelowActive(ctx, instance);
  const lowerFile = fileOf(record, lower);
  const copy = await ctx.files.fingerprint(instance, names.lowerCopy);
  if (copy && below === copy.inode) {
    await settle(ctx, record, pair, { fileId: names.lowerCopy, inode: copy.inode });
    return done('copy', names.lowerCopy);
  }

  const isEnded = below === lowerFile.inode;
  const strategy = isEnded
    ? await endedStrategy(ctx, instance)
    : await chooseStrategy(ctx, record, pair, names, options);
  if (strategy === null) return { kind: 'left', problem: null };
  try {
    if (strategy === 'in-place') {
      if (isEnded) await commitLayer(ctx, instance, pair);
      else await commitInPlace(ctx, record, pair);
      await settle(ctx, await recordOf(ctx, instance), pair, { fileId: lower, inode: lowerFile.inode });
      return done('in-place', lower);
    }
    const inode = await mergeCopies(ctx, record, pair, names);
    await settle(ctx, await recordOf(ctx, instance), pair, { fileId: names.lowerCopy, inode });
    return done('copy', names.lowerCopy);
  } catch (error) {
    // The chain still holds every byte, one layer longer than it could be. The next procedure tries again.
    if (error instanceof ServiceError && CAN_WAIT[strategy].includes(error.code)) {
      return { kind: 'left', problem: problemOf(error) };
    }
    throw error;
  }
}

/**
 * What is folded away is kept for its upload from before the first byte is written: the merge may come to its end
 * without us. Until then it stands for the layer in the chain just as well.
 */
async function withDetached(
  ctx: ProcedureContext,
  record: ChainRecord,
  lower: FileId,
  detach: DetachedLayer | undefined,
): Promise<ChainRecord> {
  // One that is still in the chain and is to be merged into needs no other standing.
  const kept = record.detached?.fileId === lower ? null : record.detached;
  const detached = detach ?? kept;
  if (detached?.fileId === record.detached?.fileId) return record;
  const leaving = record.detached ? [record.detached.fileId] : [];
  const after = { ...record, detached, transient: [...record.transient, ...leaving] };
  await ctx.files.writeRecord(after);
  return after;
}

/** QEMU has written the header of a merge in place; it can only be believed while the QEMU lives that did. */
async function endedStrategy(ctx: ProcedureContext, instance: InstanceId): Promise<'in-place' | null> {
  if (await ctx.hypervisor.openLayers(instance)) return 'in-place';
  await undoUnflushedMerge(ctx.files, instance);
  return null;
}

async function chooseStrategy(
  ctx: ProcedureContext,
  record: ChainRecord,
  { lower }: Pair,
  names: MergeNames,
  { need }: MergeOptions,
): Promise<'in-place' | 'copy' | null> {
  const instance = record.instanceId;
  const open = await ctx.hypervisor.openLayers(instance);
  // Nobody merges below a stopped instance: a tool that holds the files would make its start fail.
  if (!open) return null;

  // Reopened on the copy by an earlier life, which died before the header said so: only forward.
  const copy = await ctx.files.fingerprint(instance, names.lowerCopy);
  if (copy && open[1]?.inode === copy.inode) return 'copy';

  const untrue = await untrueNames(ctx, record, open);
  const mayBeWritten = !untrue.has(lower) && !isPinned(record, lower);
  const copyWanted = ctx.settings.mergeStrategy === 'copy' && ctx.hypervisor.canReplaceBacking;
  // Begun in place by an earlier life, and QEMU may still be at it: it can only be gone on with.
  const begun = fileOf(record, lower).mixture;
  if (mayBeWritten && (begun || !copyWanted)) return 'in-place';
  if (!ctx.hypervisor.canReplaceBacking) return null;
  if (copyWanted || need === 'must') return 'copy';
  // A layer that can't be written to costs one place in the chain. Worth a copy only where copies cost nothing.
  return ctx.settings.mergeStrategy === 'auto' && (await ctx.files.canReflink(instance)) ? 'copy' : null;
}

async function commitInPlace(ctx: ProcedureContext, record: ChainRecord, { lower, upper }: Pair): Promise<void> {
  const instance = record.instanceId;
  // A merge that QEMU is at goes on, whether there is space or not, and must not be left alone.
  const isUnderWay = await ctx.files.isOpenForWriting(instance, lower);
  if (!isUnderWay) {
    await assertSpace(ctx, instance, await ctx.files.allocatedBytes(instance, upper), 'Merging in place');
  }
  await ctx.files.writeRecord({
    ...record,
    files: record.files.map((file) => (file.fileId === lower ? { ...file, mixture: true as const } : file)),
  });
  await commitLayer(ctx, instance, { lower, upper });
}

/** @returns the inode of the merged layer */
async function mergeCopies(
  ctx: ProcedureContext,
  record: ChainRecord,
  { lower, upper }: Pair,
  { lowerCopy, upperCopy }: MergeNames,
): Promise<string> {
  const instance = record.instanceId;
  const open = await ctx.hypervisor.openLayers(instance);
  const made = await ctx.files.fingerprint(instance, lowerCopy);
  if (!made || open?.[1]?.inode !== made.inode) {
    const bytes =
      (await ctx.files.allocatedBytes(instance, lower)) * ((await ctx.files.canReflink(instance)) ? 0 : 1) +
      (await ctx.files.allocatedBytes(instance, upper)) * 2;
    await assertSpace(ctx, instance, bytes, 'Merging copies');
    await registerTransient(ctx, instance, [lowerCopy, upperCopy]);
    // An earlier life may have had QEMU open the copy, and not come to have it used.
    await ctx.hypervisor.closeLeftovers(instance);
    await ctx.files.copyLayer(instance, lower, lowerCopy);
    await ctx.files.copyLayer(instance, upper, upperCopy);
    await ctx.files.setBacking(instance, upperCopy, { kind: 'layer', file: lowerCopy });
    await ctx.files.commitOffline(instance, upperCopy, lowerCopy);
    await ctx.files.checkLayer(instance, lowerCopy);
    await ctx.files.removeLayer(instance, upperCopy);
  }
  const lowerIndex = record.files.findIndex((file) => file.fileId === lower);
  const below = await Promise.all(
    record.files
      .slice(0, lowerIndex)
      .reverse()
      .map(async (file) => ({ path: await ctx.files.layerPath(instance, file.fileId), format: 'qcow2' as const })),
  );
  await ctx.hypervisor.replaceBacking(instance, await ctx.files.layerPath(instance, lowerCopy), [
    ...below,
    ...(record.base ? [record.base] : []),
  ]);
  const copy = await ctx.files.fingerprint(instance, lowerCopy);
  if (!copy) throw new ChainDivergedError('the merged layer', 'none');
  return copy.inode;
}

/** Believes the merge when it and the active layer's header that says so are on the disk, and then lets go of the sources. */
async function settle(
  ctx: ProcedureContext,
  record: ChainRecord,
  { lower, upper }: Pair,
  merged: { fileId: FileId; inode: string },
): Promise<void> {
  const instance = record.instanceId;
  const active = activeOf(record);
  for (const fileId of [merged.fileId, active.fileId]) await ctx.files.syncLayer(instance, fileId);
  const below = await inodeBelowActive(ctx, instance);
  if (below !== merged.inode) throw new ChainDivergedError(merged.inode, below ?? 'nothing');

  const [lowerFile, upperFile] = [fileOf(record, lower), fileOf(record, upper)];
  const file: LayerFile = { ...merged, asOf: upperFile.asOf, layers: [...lowerFile.layers, ...upperFile.layers] };
  const next: ChainRecord = {
    ...record,
    files: [...record.files.slice(0, -3), file, active],
  };
  assertChainLength(next.files);
  const needed = filesNeededBy(next);
  const leaving = [lower, upper].filter((id) => !needed.has(id));
  await ctx.files.writeRecord({ ...next, transient: [...new Set([...next.transient, ...leaving])] });
  await closeLeftovers(ctx, instance);
  await dropTransient(ctx, instance, leaving, filesNeededBy);
}

async function inodeBelowActive(ctx: ProcedureContext, instance: InstanceId): Promise<string | null> {
  return (await ctx.files.findChain(instance))[1]?.inode ?? null;
}

function fileOf(record: ChainRecord, fileId: FileId): LayerFile {
  const file = record.files.find((candidate) => candidate.fileId === fileId);
  if (!file) throw new ChainDivergedError(fileId, 'a chain without it');
  return file;
}
