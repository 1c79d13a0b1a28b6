import { activeOf, filesNeededBy, InstanceRunningError, judge, MAX_OWN_LAYERS, sealedOf } from '@varve/core';
import type { DetachedLayer, FileId, InstanceId, LayerUid, Problem, ProjectId, SnapshotUid } from '@varve/core';
import type { ProcedureContext } from './context.js';
import { dropTransient, recordOf, registerTransient } from './context.js';
import type { Run } from './engine/run.js';
import { repeatable } from './engine/step.js';
import type { Step } from './engine/step.js';
import { adoptEndedMerge, assertSpace, examineChain, tidyUp, untrueNames } from './examine-chain.js';
import type { MergeResult, Pair } from './merge-layers.procedure.js';
import { mergeLayers, topPair } from './merge-layers.procedure.js';
import { finishedWell, headOf } from './outcome.js';
import type { ProcedureResult } from './outcome.js';
import { createOverlay, discardOverlay, pointDiskAtOverlay, switchToOverlay } from './seal-active-layer.js';
import type { Capture, SealRequest } from './seal-active-layer.js';
import { uploadLayer } from './upload-layer.js';

export interface SnapshotRequest {
  readonly instanceId: InstanceId;
  readonly projectId: ProjectId;
  readonly snapshotUid: SnapshotUid;
  /** What this snapshot's upload is called, whatever it turns out to contain. */
  readonly layerUid: LayerUid;
  readonly quiesce: SealRequest['quiesce'];
  /** The success list: every layer of the instance that is known to be in the store. */
  readonly storedLayers: readonly LayerUid[];
  /** What the layers below the active one have to show; see {@link examineChain}. */
  readonly topLayerUid?: LayerUid | null | undefined;
}

/**
 * Takes a snapshot of an instance's system disk.
 *
 *     at rest      [base] <- [history] <- [A]                       QEMU writes to A;  `disk` is a second name of A
 *     sealed       [base] <- [history] <- [A] <- [B]                QEMU writes to B;  `disk` is a second name of B
 *     uploaded     A is in the store
 *     merged       [base] <- [history + A] <- [B]
 *
 *     last failed  [base] <- [history] <- [F] <- [A] <- [B]         F was never stored: F + A become one layer, which is
 *                  [base] <- [history] <- [F + A] <- [B]            uploaded under a uid of its own, and then merged
 *
 *     stopped      a copy of A is uploaded; the chain stays as it is
 *
 * Every layer has one permanent name from birth to deletion and QEMU only ever learns that name, because it opens
 * files again by name when a layer becomes read-only. `disk` is moved last: moved first, QEMU would reopen A under a
 * name that by then means B, and the guest would read an empty disk without any error. Dying between the switch and
 * the move leaves `disk` on A while the guest writes to B: `recover` moves it on.
 *
 * A failed upload is an outcome and no error: the chain then holds a layer that isn't stored, and the next snapshot
 * finds it there. The chain never has more than four layers of its own.
 */
export async function snapshotSystemDisk(
  run: Run,
  request: SnapshotRequest,
  ctx: ProcedureContext,
): Promise<ProcedureResult> {
  const { instanceId, layerUid } = request;
  const names = await run.step('name files', nameFiles(ctx));
  const { powerState } = await run.step('examine chain', examineChain(ctx, request, names.adopted));

  const copied =
    powerState === 'stopped' ? await run.step('copy active layer', copyActiveLayer(ctx, request, names)) : null;
  // Somebody started the instance while it was copied: then it is a running one.
  const capture = copied ?? (await sealActiveLayer(run, request, ctx, names));
  if ('refused' in capture) {
    await run.announce('snapshot.failed', { snapshotUid: request.snapshotUid, problem: capture.refused });
    const end = await run.step('look at chain', headOf(ctx, instanceId, request.storedLayers));
    return { state: 'failed', problem: capture.refused, merges: [], ...end };
  }
  await run.announce('snapshot.sealed', {
    snapshotUid: request.snapshotUid,
    sealedAt: capture.sealedAt,
    stallMs: capture.stallMs,
    consistency: capture.consistency,
    powerState: capture.powerState,
  });

  const judged = await run.step('judge last snapshot', judgeLastSnapshot(ctx, request, copied?.file ?? null));
  const merges: MergeResult[] = [];
  if (judged.pair) {
    merges.push(
      await run.step('merge failed layer', mergeLayers(ctx, instanceId, judged.pair, names.failed, { need: 'must' })),
    );
  }
  const parts = partsAfter(merges, judged);
  const upload = await run.step(
    'upload layer',
    uploadLayer(run, ctx, request, { ...capture, ...names, parts, backing: judged.backing }),
  );

  // What is said to be available stays so, whatever may happen to the tidying up.
  await run.pointOfNoReturn();
  if (upload.kind === 'stored') {
    await run.step('record success', recordSuccess(ctx, request, copied !== null));
    await run.announce('snapshot.available', {
      snapshotUid: request.snapshotUid,
      layer: upload.layer,
      healed: judged.parts.length > 1 || judged.pair !== null,
    });
    if (!copied) merges.push(...(await mergeIntoHistory(run, ctx, request, names)));
  } else {
    await run.announce('snapshot.failed', { snapshotUid: request.snapshotUid, problem: upload.problem });
    // A copy holds what is not sealed yet, so it can't stand for a layer of the chain.
    if (!copied)
      merges.push(...(await makeRoom(run, ctx, request, names, { source: upload.source, backing: judged.backing })));
    // Room was made after it; but this is where it failed, and the last that is told stays.
    ctx.progress('uploading', 0, 0);
  }
  await run.step('clean up', cleanUp(ctx, instanceId, names));
  const stored = upload.kind === 'stored' ? [...request.storedLayers, layerUid] : request.storedLayers;
  const end = await run.step('look at chain', headOf(ctx, instanceId, stored));
  return { ...finishedWell(upload.kind === 'stored' ? null : upload.problem), merges: mergesIn(merges), ...end };
}

/** Every file that this snapshot may have to make. Chosen once, so that a resumed one finds its own. */
export interface SnapshotNames {
  readonly adopted: FileId;
  readonly overlay: FileId;
  readonly copy: FileId;
  /** For an upload that is built from several layers. */
  readonly built: FileId;
  readonly scratch: FileId;
  /** For the first upload of a disk that was settled. */
  readonly increment: FileId;
  readonly before: { readonly lowerCopy: FileId; readonly upperCopy: FileId };
  readonly failed: { readonly lowerCopy: FileId; readonly upperCopy: FileId };
  readonly room: { readonly lowerCopy: FileId; readonly upperCopy: FileId };
  readonly first: { readonly lowerCopy: FileId; readonly upperCopy: FileId };
  readonly second: { readonly lowerCopy: FileId; readonly upperCopy: FileId };
}

const nameFiles = (ctx: ProcedureContext): Step<SnapshotNames> =>
  repeatable(() => {
    const pair = (): { lowerCopy: FileId; upperCopy: FileId } => ({
      lowerCopy: ctx.newFileId(),
      upperCopy: ctx.newFileId(),
    });
    return Promise.resolve({
      adopted: ctx.newFileId(),
      overlay: ctx.newFileId(),
      copy: ctx.newFileId(),
      built: ctx.newFileId(),
      scratch: ctx.newFileId(),
      increment: ctx.newFileId(),
      before: pair(),
      failed: pair(),
      room: pair(),
      first: pair(),
      second: pair(),
    });
  });

// ---- capture: a running or paused instance ---------------------------------------------------------------------

async function sealActiveLayer(
  run: Run,
  request: SnapshotRequest,
  ctx: ProcedureContext,
  names: SnapshotNames,
): Promise<Capture | { refused: Problem }> {
  const { instanceId } = request;
  await run.step('make room before', makeRoomBefore(ctx, request, names));
  await run.step('create overlay', createOverlay(ctx, instanceId, names.overlay));

  // From here a guest may already write to the overlay, whatever we hear back: only forward.
  await run.pointOfNoReturn();
  const switched = await run.step('switch to overlay', switchToOverlay(ctx, request, names.overlay));
  if (switched.kind === 'refused') {
    await run.step('discard overlay', discardOverlay(ctx, instanceId, names.overlay));
    return { refused: switched.problem };
  }
  await run.step('point disk at overlay', pointDiskAtOverlay(ctx, request, names.overlay));
  return switched;
}

// ---- capture: a stopped instance -------------------------------------------------------------------------------

/** @returns `null` when the instance was started meanwhile; the copy is then thrown away */
function copyActiveLayer(
  ctx: ProcedureContext,
  { instanceId }: SnapshotRequest,
  names: SnapshotNames,
): Step<({ file: FileId } & Capture) | null> {
  const drop = (): Promise<void> => dropTransient(ctx, instanceId, [names.copy], filesNeededBy);
  return repeatable(async () => {
    const active = activeOf(await recordOf(ctx, instanceId));
    const reflink = await ctx.files.canReflink(instanceId);
    const bytes = reflink ? 0 : await ctx.files.allocatedBytes(instanceId, active.fileId);
    await assertSpace(ctx, instanceId, bytes, 'A copy of the active layer');
    await registerTransient(ctx, instanceId, [names.copy]);
    // Copied without a lock, since a lock of ours would make the instance's start fail; what counts is that it was the
    // same file, unwritten and unopened, before and after.
    const look = async (): Promise<string> => {
      if (await ctx.files.isOpenForWriting(instanceId, active.fileId)) throw new InstanceRunningError(instanceId);
      return JSON.stringify(await ctx.files.fingerprint(instanceId, active.fileId));
    };
    try {
      const before = await look();
      const sealedAt = ctx.now().toISOString();
      await ctx.files.copyLayer(instanceId, active.fileId, names.copy);
      if ((await look()) !== before) throw new InstanceRunningError(instanceId);
      return {
        file: names.copy,
        sealedAt,
        stallMs: null,
        consistency: 'crash' as const,
        powerState: 'stopped' as const,
      };
    } catch (error) {
      if (!(error instanceof InstanceRunningError)) throw error;
      await drop();
      return null;
    }
  }, drop);
}

// ---- judging the last snapshot -----------------------------------------------------------------------------------

interface Judged {
  /** What the upload is an increment on; `null`: the base image. */
  readonly backing: LayerUid | null;
  /** The files that make up the upload, lowest first. More than one: they have to be put together from copies. */
  readonly parts: readonly FileId[];
  /** The failed layer and the sealed one, where they can be merged in the chain. */
  readonly pair: { readonly lower: FileId; readonly upper: FileId } | null;
}

/**
 * Looks up the uid of every layer beneath the active one in the success list. All there: the last snapshot succeeded,
 * and the sealed layer is what this one uploads. One missing: the last one failed, and everything above what is stored
 * belongs into this upload.
 */
function judgeLastSnapshot(
  ctx: ProcedureContext,
  { instanceId, storedLayers }: SnapshotRequest,
  copy: FileId | null,
): Step<Judged> {
  return repeatable(async () => {
    // A merge that was left may have ended between the first look and the switch.
    await adoptEndedMerge(ctx, instanceId);
    const record = await recordOf(ctx, instanceId);
    const { backing, failed, detached } = judge(sealedOf(record), record.detached, new Set(storedLayers));
    const inChain = failed.map((file) => file.fileId);
    if (copy) return { backing, parts: [...(detached ? [detached.fileId] : []), ...inChain, copy], pair: null };
    const [lower, upper] = inChain.slice(-2);
    return {
      backing,
      parts: [...(detached ? [detached.fileId] : []), ...inChain],
      pair: lower && upper ? { lower, upper } : null,
    };
  });
}

// ---- after the upload ----------------------------------------------------------------------------------------------

/** What was kept beside the chain for this upload has done its duty: a failed layer, digests of what was stored before. */
function recordSuccess(ctx: ProcedureContext, request: SnapshotRequest, stopped: boolean): Step<null> {
  return repeatable(async () => {
    // The upload of a stopped instance's copy stands beside the chain: what the chain lacks in the store, it still lacks.
    if (stopped) return null;
    const { digestsOf, detached, ...record } = await recordOf(ctx, request.instanceId);
    if (digestsOf !== undefined || detached) {
      const transient = [...record.transient, ...(detached ? [detached.fileId] : [])];
      await ctx.files.writeRecord({ ...record, detached: null, transient });
    }
    await ctx.files.writeDigests(request.instanceId, null);
    return null;
  });
}

/** Sealed layers become one history layer, as far as each may be written to. */
async function mergeIntoHistory(
  run: Run,
  ctx: ProcedureContext,
  { instanceId }: SnapshotRequest,
  names: SnapshotNames,
): Promise<MergeResult[]> {
  const results: MergeResult[] = [];
  for (const [name, files] of [
    ['merge into history', names.first],
    ['merge history', names.second],
  ] as const) {
    const pair = await run.step(`plan to ${name}` as const, planMerge(ctx, instanceId));
    if (!pair) break;
    const result = await run.step(
      name,
      mergeLayers(ctx, instanceId, pair, files, { need: pair.full ? 'must' : 'tidy' }),
    );
    results.push(result);
    if (result.kind === 'left') break;
  }
  return results;
}

const planMerge = (
  ctx: ProcedureContext,
  instance: InstanceId,
): Step<{ lower: FileId; upper: FileId; full: boolean } | null> =>
  repeatable(async () => {
    const record = await recordOf(ctx, instance);
    const pair = topPair(record);
    return pair ? { ...pair, full: record.files.length === MAX_OWN_LAYERS } : null;
  });

/** A snapshot that found the chain full (a merge had no space, or no QEMU) makes room first, or is refused. */
function makeRoomBefore(
  ctx: ProcedureContext,
  { instanceId, storedLayers }: SnapshotRequest,
  names: SnapshotNames,
): Step<MergeResult | null> {
  return repeatable(
    async () => {
      const record = await recordOf(ctx, instanceId);
      const pair = topPair(record);
      if (record.files.length < MAX_OWN_LAYERS || !pair) return null;
      const { backing, failed, detached } = judge(sealedOf(record), record.detached, new Set(storedLayers));
      const [only, ...others] = failed;
      // Folded into a stored layer it could only be uploaded together with that one's data, once more.
      const isAlone = only?.fileId === pair.upper && others.length === 0 && !detached;
      const detach = isAlone && only.asOf !== null ? { fileId: only.fileId, asOf: only.asOf, backing } : null;
      const step = mergeLayers(ctx, instanceId, pair, names.before, { need: 'must', ...(detach ? { detach } : {}) });
      return (await step.recover())?.result ?? (await step.do());
    },
    () => tidyUp(ctx, instanceId),
  );
}

/**
 * After a failed upload: the chain at rest must have room for the next layer to be sealed.
 *
 * The narrow case: the boot-time layer must stay at the bottom, so that
 * `[boot] <- [history] <- [failed] <- [active]` is full at rest. The failed layer is folded into the history, which
 * nobody may then take for a stored state, and its own file is kept beside the chain for the next upload. So it is
 * where the failed layer is the boot-time layer and could never be merged into, nor be replaced by a copy.
 *
 * This differs from committing the active layer back into the failed one: no pivot, so no instant at which a dying
 * QEMU leaves two layers that both look newest.
 */
async function makeRoom(
  run: Run,
  ctx: ProcedureContext,
  { instanceId, layerUid }: SnapshotRequest,
  names: SnapshotNames,
  failed: { source: FileId | null; backing: LayerUid | null },
): Promise<MergeResult[]> {
  const pair = await run.step('plan to make room', planRoom(ctx, instanceId));
  if (!pair || !failed.source) return [];
  const detach: DetachedLayer = { fileId: failed.source, asOf: layerUid, backing: failed.backing };
  return [await run.step('make room', mergeLayers(ctx, instanceId, pair, names.room, { need: 'must', detach }))];
}

const planRoom = (ctx: ProcedureContext, instance: InstanceId): Step<Pair | null> =>
  repeatable(async () => {
    const record = await recordOf(ctx, instance);
    const pair = topPair(record);
    if (!pair || record.files.length === MAX_OWN_LAYERS) return pair;
    const open = await ctx.hypervisor.openLayers(instance);
    const mayBecomeTarget = !open || !(await untrueNames(ctx, record, open)).has(pair.upper);
    return mayBecomeTarget || ctx.hypervisor.canReplaceBacking ? null : pair;
  });

/** Files of this snapshot that the chain has no use for; then everything must be as it was at the start, only newer. */
function cleanUp(ctx: ProcedureContext, instance: InstanceId, names: SnapshotNames): Step<null> {
  return repeatable(async () => {
    // A merge that was left because QEMU refused it may have been done all the same: the news came too late.
    await tidyUp(ctx, instance);
    await dropTransient(ctx, instance, [names.built, names.scratch, names.increment, names.copy], filesNeededBy);
    const open = await ctx.hypervisor.openLayers(instance);
    if (open) await untrueNames(ctx, await recordOf(ctx, instance), open);
    return null;
  });
}

const mergesIn = (results: readonly MergeResult[]): ProcedureResult['merges'] =>
  results.flatMap((result) =>
    result.kind === 'merged' ? [{ strategy: result.strategy, seconds: result.seconds }] : [],
  );

/** The parts of the upload, once the failed layer and the sealed one are one file (or had to be left as they are). */
function partsAfter(merges: readonly MergeResult[], { parts, pair }: Judged): readonly FileId[] {
  const merged = merges.at(-1);
  return pair && merged?.kind === 'merged' ? [...parts.slice(0, -2), merged.into] : parts;
}
