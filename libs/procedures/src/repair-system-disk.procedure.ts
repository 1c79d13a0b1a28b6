import {
  activeOf,
  ChainDivergedError,
  ConflictError,
  DiskUnsupportedError,
  filesNeededBy,
  LayersGoneError,
  NotFoundError,
  problemOf,
  ServiceError,
} from '@varve/core';
import type { ChainRecord, FileId, InstanceId, LayerFile, LayerUid, Problem } from '@varve/core';
import type { ChainBreak, FoundLayer, LayerRef } from '@varve/ports';
import type { ProcedureContext } from './context.js';
import { dropTransient, recordOf } from './context.js';
import type { Run } from './engine/run.js';
import { repeatable } from './engine/step.js';
import type { Step } from './engine/step.js';
import { assertNotLost, assertOnDisk, assertTopOnDisk, enrol } from './examine-chain.js';
import { finishedWell, headOf } from './outcome.js';
import type { ProcedureResult } from './outcome.js';
import { putOnRecord } from './put-on-record.js';
import { buildRestoredLayer } from './restored-layer.js';

export interface RepairRequest {
  readonly instanceId: InstanceId;
  readonly storedLayers: readonly LayerUid[];
  /** What the layers below the active one have to show; `null`: nothing; absent: not known for sure. */
  readonly topLayerUid?: LayerUid | null | undefined;
  /** Of that state, lowest layer first; empty where it is not in the store. */
  readonly lineage: readonly LayerRef[];
  readonly acceptDisk: boolean;
}

/**
 * Gives a disk its layers back that a resize or a move of the instance has left behind. The instance stays stopped.
 *
 *     resized in vain   <instance>_resize has it all     it is moved back, over the part of `disk` that was copied
 *     moved             [?] <- [A]                       [base] <- [restored] <- [A]
 *     made anew         [base] <- [A]                    refused, unless the disk is accepted as it is
 *
 * What lies on the host is preferred: then nothing is lost, stored or not. From the store comes one layer that shows the
 * state that the missing ones showed. Which state that was the chain record says, where it came along, else the catalog:
 * what lies below the active layer changes with a job alone, and each job's end tells of it.
 *
 * At any moment the disk either can't be opened or shows the right data: the restored layer has its own name, and stands
 * in the chain only when it is whole.
 */
export async function repairSystemDisk(
  run: Run,
  request: RepairRequest,
  ctx: ProcedureContext,
): Promise<ProcedureResult> {
  const { instanceId, storedLayers } = request;
  const names = await run.step('name files', nameFiles(ctx));
  const damage = await run.step('find damage', findDamage(ctx, request, names));
  switch (damage.kind) {
    case 'none':
      break;
    case 'set aside':
      await run.pointOfNoReturn();
      await run.step('take back', takeBack(ctx, instanceId, damage.activeInode));
      break;
    case 'missing': {
      const lineage = request.lineage.slice(0, damage.layers);
      await run.step('put on record', putOnRecord(ctx, { instanceId, lineage }, names.adopted));
      await run.step('look for a torn copy', assertWholeCopies(ctx, instanceId, damage.kept));
      const from = { instanceId, lineage, currentLineage: [] };
      const { inode } = await run.step(
        'build restored layer',
        buildRestoredLayer(run, ctx, from, names.restored, null),
      );
      await run.pointOfNoReturn();
      const layers = lineage.map(({ uid }) => uid);
      const file = { fileId: names.restored, asOf: layers.at(-1) ?? null, layers, inode };
      await run.step('place restored layer', placeRestored(ctx, instanceId, file, damage.kept));
      break;
    }
  }
  const { problem } = await run.step('look at disk', lookAtDisk(ctx, instanceId));
  const end = await run.step('look at chain', headOf(ctx, instanceId, storedLayers));
  return { ...finishedWell(problem), merges: [], ...end };
}

interface RepairNames {
  readonly adopted: FileId;
  readonly restored: FileId;
}

const nameFiles = (ctx: ProcedureContext): Step<RepairNames> =>
  repeatable(() => Promise.resolve({ adopted: ctx.newFileId(), restored: ctx.newFileId() }));

// ---- what is wrong ---------------------------------------------------------------------------------------------

type Damage =
  | { readonly kind: 'none' }
  /** All lies in the directory that Nova set aside. */
  | { readonly kind: 'set aside'; readonly activeInode: string }
  /** So many layers of the lineage, from the lowest on, show what is missing below the files that there are. */
  | { readonly kind: 'missing'; readonly layers: number; readonly kept: readonly FileId[] };

function findDamage(ctx: ProcedureContext, request: RepairRequest, names: RepairNames): Step<Damage> {
  const { instanceId } = request;
  return repeatable(async (): Promise<Damage> => {
    await ctx.compute.assertFree?.(instanceId, 'repair');
    if (!(await ctx.hypervisor.find(instanceId))) throw new NotFoundError('instance', instanceId);
    const found = await chainOrReason(ctx, instanceId);
    if (Array.isArray(found)) {
      await assertSound(ctx, request, found, names.adopted);
      return { kind: 'none' };
    }
    if ((await ctx.hypervisor.powerState(instanceId)) !== 'stopped') {
      throw new ConflictError(
        'The instance runs on layers that have lost their names; what it holds open is all there is of them: copy its ' +
          'data away before it is stopped',
        { instanceId, found: found.code },
      );
    }
    const aside = await ctx.files.setAside(instanceId);
    if (aside) return { kind: 'set aside', activeInode: activeOf(aside).inode };
    const broken = found.code === 'layers_missing' ? await ctx.files.findBreak(instanceId) : null;
    if (!broken) throw found;
    const record = await ctx.files.readRecord(instanceId);
    const kept = record?.files.slice(-broken.layers.length).map(({ fileId }) => fileId) ?? [names.adopted];
    return { kind: 'missing', layers: layersFor(request, record, broken), kept };
  });
}

/** The chain, or why there is none. */
async function chainOrReason(ctx: ProcedureContext, instance: InstanceId): Promise<FoundLayer[] | ServiceError> {
  try {
    return await ctx.files.findChain(instance);
  } catch (error) {
    if (error instanceof ServiceError) return error;
    throw error;
  }
}

async function assertSound(
  ctx: ProcedureContext,
  { instanceId, topLayerUid, acceptDisk }: RepairRequest,
  found: readonly FoundLayer[],
  adopted: FileId,
): Promise<void> {
  const record = await ctx.files.readRecord(instanceId);
  if (record) return assertOnDisk(record, found);
  if (!acceptDisk) assertNotLost(found, topLayerUid);
  await enrol(ctx, instanceId, found, adopted);
}

/**
 * @returns how many layers of the lineage make up what is missing
 * @throws {LayersGoneError} it is not in the store, or nobody knows what it was
 */
function layersFor(request: RepairRequest, record: ChainRecord | null, broken: ChainBreak): number {
  const state = stateBelow(request, record, broken);
  const layers = request.lineage.findIndex(({ uid }) => uid === state) + 1;
  if (layers > 0) return layers;
  throw new LayersGoneError(
    'layers_not_stored',
    state === null
      ? 'The layers that the disk stands on are not here, and which they were is not known; roll back to a restore point'
      : 'The layers that the disk stands on are not here, and were never stored as they were; roll back to a restore point',
    { fileId: broken.missing, ...(state !== null && { topLayerUid: state }) },
  );
}

function stateBelow({ topLayerUid }: RepairRequest, record: ChainRecord | null, broken: ChainBreak): LayerUid | null {
  const missing = record?.files.find(({ fileId }) => fileId === broken.missing);
  if (record) assertTopOnDisk(record, broken.layers);
  // A merge that was begun has put newer data into it: together with the layers above, the older state shows the same.
  if (missing) return missing.asOf;
  // No record came along, or it was made here, of the disk alone: its active layer is what the last job left.
  if (broken.layers.length === 1 && (record?.files.length ?? 1) === 1) return topLayerUid ?? null;
  throw new ChainDivergedError('a chain with its record', 'layers that nobody knows');
}

// ---- what lies beside it -----------------------------------------------------------------------------------------

function takeBack(ctx: ProcedureContext, instance: InstanceId, activeInode: string): Step<null> {
  return repeatable(async () => {
    const isWhole = Array.isArray(await chainOrReason(ctx, instance));
    // Somebody has put it right by hand since, and what is set aside now may be of another resize.
    if (isWhole && (await ctx.files.diskInode(instance)) !== activeInode) return null;
    await ctx.files.takeBack(instance);
    return null;
  });
}

// ---- what comes from the store -----------------------------------------------------------------------------------

/** The last cluster of a file need not be written in full; so long they are in all layers that are made here, and in Nova's. */
const CLUSTER_BYTES = 2 ** 16;

/**
 * A copy that was broken off has tables that lead beyond its end, where QEMU reads zeros without a word.
 *
 * @throws {DiskUnsupportedError} `disk_corrupt`
 */
function assertWholeCopies(ctx: ProcedureContext, instance: InstanceId, kept: readonly FileId[]): Step<null> {
  return repeatable(async () => {
    for (const fileId of kept) {
      await ctx.files.checkLayer(instance, fileId);
      const { sizeBytes = 0 } = (await ctx.files.fingerprint(instance, fileId)) ?? {};
      const extents = await ctx.files.extents(instance, fileId);
      const end = extents.reduce((most, [, length, offset]) => Math.max(most, offset < 0 ? 0 : offset + length), 0);
      if (end >= sizeBytes + CLUSTER_BYTES) {
        throw new DiskUnsupportedError('disk_corrupt', 'The disk was copied here in part: it ends before its data do', {
          sizeBytes: String(sizeBytes),
          needBytes: String(end),
        });
      }
    }
    return null;
  });
}

function placeRestored(
  ctx: ProcedureContext,
  instance: InstanceId,
  restored: LayerFile,
  kept: readonly FileId[],
): Step<null> {
  return repeatable(async () => {
    const record = await recordOf(ctx, instance);
    if (record.files.some(({ fileId }) => fileId === restored.fileId)) return null;
    const above = record.files.slice(-kept.length);
    const [lowest] = above;
    if (!lowest) throw new ChainDivergedError('the layers that there were', 'none of them');
    // Nothing can be started from a chain that lacks a layer; once it lacks none, only the record is left to be written.
    if (await ctx.files.findBreak(instance)) {
      await ctx.files.setBacking(instance, lowest.fileId, { kind: 'layer', file: restored.fileId });
    } else {
      // The life that saw to it may have died before the header was on the disk.
      await ctx.files.syncLayer(instance, lowest.fileId);
    }
    const next = await withoutLost(ctx, { ...record, files: [restored, ...above] });
    const needed = filesNeededBy(next);
    const leaving = [...filesNeededBy(record), ...record.transient].filter((each) => !needed.has(each));
    await ctx.files.writeRecord({ ...next, transient: [...new Set(leaving)] });
    return null;
  });
}

/** What was kept beside the chain is gone with the layers, where it was not on the host that the disk came to. */
async function withoutLost(ctx: ProcedureContext, record: ChainRecord): Promise<ChainRecord> {
  const isThere = async (file: FileId): Promise<boolean> =>
    (await ctx.files.fingerprint(record.instanceId, file)) !== null;
  const { detached, safety } = record;
  const setAside = safety ? [...safety.files, ...(safety.detached ? [safety.detached] : [])] : [];
  const isWhole = (await Promise.all(setAside.map(({ fileId }) => isThere(fileId)))).every(Boolean);
  return {
    ...record,
    detached: detached && (await isThere(detached.fileId)) ? detached : null,
    safety: isWhole ? safety : null,
  };
}

// ---- afterwards ------------------------------------------------------------------------------------------------

/** Believes it when the headers say so. */
const lookAtDisk = (ctx: ProcedureContext, instance: InstanceId): Step<{ problem: Problem | null }> =>
  repeatable(async () => {
    const found = await chainOrReason(ctx, instance);
    if (!Array.isArray(found)) return { problem: problemOf(found) };
    const record = await recordOf(ctx, instance);
    try {
      assertOnDisk(record, found);
    } catch (error) {
      if (!(error instanceof ChainDivergedError)) throw error;
      return { problem: problemOf(error) };
    }
    await dropTransient(ctx, instance, record.transient, filesNeededBy);
    return { problem: null };
  });
