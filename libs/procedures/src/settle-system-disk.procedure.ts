import {
  activeOf,
  ChainDivergedError,
  ChainFullError,
  ConflictError,
  filesNeededBy,
  InstanceNotRunningError,
  InstanceRunningError,
  MAX_OWN_LAYERS,
  problemOf,
  sealedOf,
} from '@varve/core';
import type { ChainRecord, FileId, InstanceId, LayerUid, Problem } from '@varve/core';
import type { ProcedureContext } from './context.js';
import { closeLeftovers, dropTransient, recordOf, registerTransient } from './context.js';
import type { Run } from './engine/run.js';
import { repeatable } from './engine/step.js';
import type { Step } from './engine/step.js';
import { assertSpace, examineChain, tidyUp } from './examine-chain.js';
import { digestStoredState } from './known-state.js';
import { mergeLayers, topPair } from './merge-layers.procedure.js';
import { finishedWell, headOf } from './outcome.js';
import type { ProcedureResult } from './outcome.js';
import { STREAM_STEP, undoUnflushedStream } from './settle-disk.js';
import { createOverlay, discardOverlay, pointDiskAtOverlay, switchToOverlay } from './seal-active-layer.js';

export interface SettleRequest {
  readonly instanceId: InstanceId;
  readonly storedLayers: readonly LayerUid[];
  readonly topLayerUid?: LayerUid | null | undefined;
}

/**
 * Brings the system disk into the shape that Nova itself makes: one layer, directly on the base image.
 *
 *     before      [base] <- [history] <- [A]                 QEMU writes to A
 *     switched    [base] <- [history] <- [A] <- [P]          QEMU writes to P, which has plain clusters
 *     settled     [base] <- [P + A + history]                `disk` is a second name of P
 *
 *     stopped     copies of all layers are merged into one, and `disk` is moved to it
 *
 * QEMU copies what lies below up into P while the guest runs; it can't do that into a layer with extended L2 entries
 * without dying. The layers below are only read, so names that are stale do no harm, and what a rollback set aside stays.
 * They are deleted when P's tables on the disk lead to everything that they define, and not before.
 *
 * Where Nova goes by the name under which libvirt has the active layer, P is opened as `disk`: then `disk` is moved before
 * the switch, which is as right as long as QEMU knows no layer that it has to open again by that name.
 *
 * No layer shows the newest stored state then. Its digests are kept, so that the next snapshot uploads what differs from it.
 */
export async function settleSystemDisk(
  run: Run,
  request: SettleRequest,
  ctx: ProcedureContext,
): Promise<ProcedureResult> {
  const { instanceId } = request;
  const names = await run.step('name files', nameFiles(ctx));
  const { powerState, ownLayers } = await run.step('examine chain', examineChain(ctx, request, names.adopted));
  let problem: Problem | null = null;
  if (ownLayers > 1) {
    if (powerState === 'paused') {
      throw new ConflictError('A paused instance cannot be settled; resume it first', { instanceId });
    }
    // Reading all that is stored comes before, and may take as long.
    ctx.progress('merging', 0, 0);
    const digest = digestStoredState(ctx, instanceId, request.storedLayers, run.signal);
    await run.step('digest stored state', digest);
    const settle = powerState === 'stopped' ? settleStopped : settleRunning;
    problem = await settle(run, ctx, instanceId, names);
  }
  await run.pointOfNoReturn();
  await run.step('clean up', cleanUp(ctx, instanceId));
  const end = await run.step('look at chain', headOf(ctx, instanceId, request.storedLayers));
  return { ...finishedWell(problem), merges: [], ...end };
}

/** `overlay` as a snapshot calls its own: whoever moves `disk` on before a start looks for it. */
interface SettleNames {
  readonly adopted: FileId;
  readonly overlay: FileId;
  /** Of the state that the switch seals, which is never uploaded. */
  readonly sealedUid: LayerUid;
  readonly built: FileId;
  readonly scratch: FileId;
  readonly room: { readonly lowerCopy: FileId; readonly upperCopy: FileId };
  /** For a switch that comes before the one that counts. */
  readonly step: FileId;
  readonly stepUid: LayerUid;
  readonly between: { readonly lowerCopy: FileId; readonly upperCopy: FileId };
}

const nameFiles = (ctx: ProcedureContext): Step<SettleNames> =>
  repeatable(() =>
    Promise.resolve({
      adopted: ctx.newFileId(),
      overlay: ctx.newFileId(),
      sealedUid: ctx.newFileId() as string as LayerUid,
      built: ctx.newFileId(),
      scratch: ctx.newFileId(),
      room: { lowerCopy: ctx.newFileId(), upperCopy: ctx.newFileId() },
      step: ctx.newFileId(),
      stepUid: ctx.newFileId() as string as LayerUid,
      between: { lowerCopy: ctx.newFileId(), upperCopy: ctx.newFileId() },
    }),
  );

// ---- a running instance ----------------------------------------------------------------------------------------

/** @returns why the disk has more layers than one still; `null`: it has not */
async function settleRunning(
  run: Run,
  ctx: ProcedureContext,
  instance: InstanceId,
  names: SettleNames,
): Promise<Problem | null> {
  const { overlay, sealedUid } = names;
  await run.step('make room before', makeRoomBefore(ctx, instance, names.room));
  await run.step('find space', findSpace(ctx, instance));
  const { under, activeIsDisk } = await run.step('choose name', chooseName(ctx, instance));
  // QEMU opens the layer that it leaves again by the name `disk`, if it has it by that: it must lead there still.
  if (under === 'disk' && activeIsDisk) {
    const problem = await stepAside(run, ctx, instance, names);
    if (problem) return problem;
  }
  await run.step('create overlay', createOverlay(ctx, instance, overlay, 'plain'));

  // From here a guest may already write to the overlay, whatever we hear back: only forward.
  await run.pointOfNoReturn();
  // Empty on top of what QEMU writes to still, it shows the same: the instance can be started from either.
  const early =
    under === 'disk' ? await run.step('point disk at empty overlay', pointDiskAtEmpty(ctx, names, instance)) : null;
  if (early) {
    await run.step('discard overlay', takeDiskBack(ctx, instance, overlay));
    return early;
  }
  const request = { instanceId: instance, quiesce: 'none' as const, layerUid: sealedUid };
  const switched = await run.step('switch to overlay', switchToOverlay(ctx, request, overlay, under));
  if (switched.kind === 'refused') {
    await run.step('discard overlay', takeDiskBack(ctx, instance, overlay));
    return switched.problem;
  }
  await run.step('point disk at overlay', pointDiskAtOverlay(ctx, request, overlay));
  return (await run.step(STREAM_STEP, streamLayers(ctx, instance))).problem;
}

/** Where the settled layer has to be open as `disk`, and the active layer is that: one more switch, in the usual order. */
async function stepAside(
  run: Run,
  ctx: ProcedureContext,
  instance: InstanceId,
  { step, stepUid, between }: SettleNames,
): Promise<Problem | null> {
  await run.step('create step', createOverlay(ctx, instance, step));
  await run.pointOfNoReturn();
  const request = { instanceId: instance, quiesce: 'none' as const, layerUid: stepUid };
  const switched = await run.step('switch to step', switchToOverlay(ctx, request, step));
  if (switched.kind === 'refused') {
    await run.step('discard step', discardOverlay(ctx, instance, step));
    return switched.problem;
  }
  await run.step('point disk at step', pointDiskAtOverlay(ctx, request, step));
  return (await run.step('make room for overlay', makeRoomAfterStep(ctx, instance, between))).problem;
}

function makeRoomAfterStep(
  ctx: ProcedureContext,
  instance: InstanceId,
  names: SettleNames['between'],
): Step<{ problem: Problem | null }> {
  return repeatable(async () => {
    const record = await recordOf(ctx, instance);
    const pair = topPair(record);
    if (record.files.length < MAX_OWN_LAYERS || !pair) return { problem: null };
    const merge = mergeLayers(ctx, instance, pair, names, { need: 'must' });
    const merged = (await merge.recover())?.result ?? (await merge.do());
    if (merged.kind !== 'left') return { problem: null };
    return { problem: merged.problem ?? problemOf(new ChainFullError(record.files.length)) };
  });
}

function chooseName(
  ctx: ProcedureContext,
  instance: InstanceId,
): Step<{ under: 'its own name' | 'disk'; activeIsDisk: boolean }> {
  return repeatable(async () => {
    const under = ctx.hypervisor.settlesUnderDiskName ? 'disk' : 'its own name';
    const open = await ctx.hypervisor.openLayers(instance);
    if (open === null) throw new InstanceNotRunningError(instance);
    return { under, activeIsDisk: open[0]?.name === (await ctx.files.diskPath(instance)) };
  });
}

/** @returns why not: the instance was started meanwhile, and so has its active layer open as `disk` again; or stopped */
function pointDiskAtEmpty(ctx: ProcedureContext, { overlay }: SettleNames, instance: InstanceId): Step<Problem | null> {
  return repeatable(async () => {
    const made = await ctx.files.fingerprint(instance, overlay);
    if (!made) throw new ChainDivergedError('the new layer', 'none');
    const placedBefore = (await ctx.files.diskInode(instance)) === made.inode;
    const [active] = (await ctx.hypervisor.openLayers(instance)) ?? [];
    // Once `disk` leads there, whatever starts the instance starts it from there.
    if (placedBefore) return null;
    if (!active) return problemOf(new InstanceNotRunningError(instance));
    if (active.name === (await ctx.files.diskPath(instance))) return problemOf(new InstanceRunningError(instance));
    await ctx.files.pointDiskAt(instance, overlay);
    return null;
  });
}

/** QEMU has refused the overlay: `disk` leads to what it writes to again, before the overlay goes. */
function takeDiskBack(ctx: ProcedureContext, instance: InstanceId, overlay: FileId): Step<null> {
  return repeatable(async () => {
    const active = activeOf(await recordOf(ctx, instance));
    if (await ctx.files.isOpenForWriting(instance, overlay)) {
      throw new ChainDivergedError(active.inode, 'the layer that QEMU had refused');
    }
    await ctx.files.pointDiskAt(instance, active.fileId);
    const discard = discardOverlay(ctx, instance, overlay);
    return discard.do();
  });
}

function makeRoomBefore(ctx: ProcedureContext, instance: InstanceId, names: SettleNames['room']): Step<null> {
  return repeatable(
    async () => {
      const record = await recordOf(ctx, instance);
      const pair = topPair(record);
      if (record.files.length < MAX_OWN_LAYERS || !pair) return null;
      const step = mergeLayers(ctx, instance, pair, names, { need: 'must' });
      const merged = (await step.recover())?.result ?? (await step.do());
      if (merged.kind === 'left') throw new ChainFullError(record.files.length);
      return null;
    },
    () => tidyUp(ctx, instance),
  );
}

/** The settled layer holds at most what all layers hold now; what the guest writes meanwhile comes on top. */
const findSpace = (ctx: ProcedureContext, instance: InstanceId): Step<null> =>
  repeatable(async () => {
    await assertSpace(ctx, instance, await ownBytes(ctx, await recordOf(ctx, instance)), 'Settling the disk');
    return null;
  });

async function ownBytes(ctx: ProcedureContext, { instanceId, files }: ChainRecord): Promise<number> {
  let bytes = 0;
  for (const { fileId } of files) bytes += await ctx.files.allocatedBytes(instanceId, fileId);
  return bytes;
}

function streamLayers(ctx: ProcedureContext, instance: InstanceId): Step<{ problem: Problem | null }> {
  return repeatable(async () => {
    const before = await recordOf(ctx, instance);
    if (before.files.length > 1) {
      if ((await ctx.hypervisor.powerState(instance)) === 'stopped') {
        // QEMU ended on the way. The chain is whole, one layer longer than it was.
        await undoUnflushedStream(ctx.files, instance);
        return { problem: problemOf(new InstanceNotRunningError(instance)) };
      }
      try {
        await ctx.transfer(() =>
          ctx.hypervisor.stream(instance, before.base, {
            bytesPerSecond: ctx.settings.mergeBytesPerSecond,
            onProgress: (done, total) => ctx.progress('merging', done, total),
          }),
        );
      } catch (error) {
        const problem = problemOf(error);
        if (problem.code !== 'hypervisor_refused' && problem.code !== 'disk_busy') throw error;
        return { problem };
      }
      await recordSettled(ctx, instance);
    }
    const record = await recordOf(ctx, instance);
    await closeLeftovers(ctx, instance);
    await dropTransient(ctx, instance, record.transient, filesNeededBy);
    return { problem: null };
  });
}

/** Believes it when the headers and tables on the disk say so; only then are the layers below let go. */
async function recordSettled(ctx: ProcedureContext, instance: InstanceId): Promise<void> {
  const record = await recordOf(ctx, instance);
  const active = activeOf(record);
  await ctx.files.syncLayer(instance, active.fileId);
  const found = await ctx.files.findChain(instance);
  if (found.length !== 1 || found[0]?.inode !== active.inode) {
    throw new ChainDivergedError(active.inode, found.map(({ inode }) => inode).join(' over '));
  }
  const below = sealedOf(record).map(({ fileId }) => fileId);
  // A discarded range of a disk without a base image is defined by nobody, and reads as zeros all the same.
  if (record.base && !(await ctx.files.definesAllOf(instance, active.fileId, below))) {
    throw new ChainDivergedError('one layer with everything', 'one that lacks some of what lay below');
  }
  await letGo(ctx, { ...record, files: [active], detached: null }, record);
}

async function letGo(ctx: ProcedureContext, next: ChainRecord, before: ChainRecord): Promise<void> {
  const needed = filesNeededBy(next);
  const leaving = [...filesNeededBy(before), ...before.transient].filter((file) => !needed.has(file));
  await ctx.files.writeRecord({ ...next, transient: [...new Set(leaving)] });
}

// ---- a stopped instance ----------------------------------------------------------------------------------------

async function settleStopped(
  run: Run,
  ctx: ProcedureContext,
  instance: InstanceId,
  names: SettleNames,
): Promise<Problem | null> {
  const built = await run.step('build settled layer', buildSettled(ctx, instance, names));
  await run.pointOfNoReturn();
  return (await run.step('place settled layer', placeSettled(ctx, instance, names.built, built))).problem;
}

interface Built {
  /** What the active layer was when the copies were made of it. */
  readonly of: string;
}

/** Merges copies: a tool that held the layers themselves would make the instance's start fail. */
function buildSettled(ctx: ProcedureContext, instance: InstanceId, { built, scratch }: SettleNames): Step<Built> {
  const drop = (): Promise<void> => dropTransient(ctx, instance, [built, scratch], filesNeededBy);
  return repeatable(async () => {
    const record = await recordOf(ctx, instance);
    const [lowest, ...uppers] = record.files;
    if (!lowest) throw new ChainDivergedError('at least one own layer', 'none');
    await assertSpace(ctx, instance, 2 * (await ownBytes(ctx, record)), 'Settling the disk');
    await registerTransient(ctx, instance, [built, scratch]);
    const of = await lookAtActive(ctx, record);
    await ctx.files.copyLayer(instance, lowest.fileId, built);
    for (const upper of uppers) {
      await ctx.files.copyLayer(instance, upper.fileId, scratch);
      await ctx.files.setBacking(instance, scratch, { kind: 'layer', file: built });
      await ctx.files.commitOffline(instance, scratch, built);
      await ctx.files.removeLayer(instance, scratch);
    }
    await ctx.files.checkLayer(instance, built);
    if ((await lookAtActive(ctx, record)) !== of) throw new InstanceRunningError(instance);
    return { of };
  }, drop);
}

/** @throws {InstanceRunningError} somebody started it */
async function lookAtActive(ctx: ProcedureContext, { instanceId, files }: ChainRecord): Promise<string> {
  const [active] = [...files].reverse();
  if (!active || (await ctx.files.isOpenForWriting(instanceId, active.fileId))) {
    throw new InstanceRunningError(instanceId);
  }
  const found = await ctx.files.fingerprint(instanceId, active.fileId);
  // Moving `disk` changes the number of links, and with it the time of change.
  return JSON.stringify({ ...found, ctimeNs: '' });
}

function placeSettled(
  ctx: ProcedureContext,
  instance: InstanceId,
  built: FileId,
  { of }: Built,
): Step<{ problem: Problem | null }> {
  return repeatable(async () => {
    const record = await recordOf(ctx, instance);
    const made = await ctx.files.fingerprint(instance, built);
    if (!made) throw new ChainDivergedError('the settled layer', 'none');
    if (activeOf(record).fileId === built) return { problem: null };
    const placedBefore = (await ctx.files.diskInode(instance)) === made.inode;
    if (!placedBefore && (await hasChanged(ctx, record, of))) {
      return { problem: problemOf(new InstanceRunningError(instance)) };
    }
    await ctx.files.pointDiskAt(instance, built);
    // Somebody may have started the instance in the last instants: then it runs on what was the active layer.
    if (await hasChanged(ctx, record, of)) {
      await ctx.files.pointDiskAt(instance, activeOf(record).fileId);
      return { problem: problemOf(new InstanceRunningError(instance)) };
    }
    const file = { fileId: built, asOf: null, layers: [], inode: made.inode };
    await letGo(ctx, { ...record, files: [file], detached: null }, record);
    return { problem: null };
  });
}

async function hasChanged(ctx: ProcedureContext, record: ChainRecord, of: string): Promise<boolean> {
  try {
    return (await lookAtActive(ctx, record)) !== of;
  } catch (error) {
    if (error instanceof InstanceRunningError) return true;
    throw error;
  }
}

// ---- afterwards ------------------------------------------------------------------------------------------------

const cleanUp = (ctx: ProcedureContext, instance: InstanceId): Step<null> =>
  repeatable(async () => {
    const record = await recordOf(ctx, instance);
    await closeLeftovers(ctx, instance);
    await dropTransient(ctx, instance, record.transient, filesNeededBy);
    return null;
  });
