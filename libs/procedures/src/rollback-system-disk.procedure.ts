import {
  assertChainLength,
  BaseImageChangedError,
  bytesBySource,
  ManifestUnusableError,
  ownersOf,
  planRestore,
  sealedOf,
} from '@varve/core';
import type {
  ChainRecord,
  Extent,
  FileId,
  InstanceId,
  LayerManifest,
  LayerUid,
  OperationId,
  RestoreRun,
} from '@varve/core';
import type { ImageWriter, LayerRef } from '@varve/ports';
import type { ProcedureContext } from './context.js';
import { dropTransient, recordOf, registerTransient } from './context.js';
import type { Run } from './engine/run.js';
import { repeatable } from './engine/step.js';
import type { Step } from './engine/step.js';
import { assertSpace, examineChain } from './examine-chain.js';
import type { ProcedureResult } from './outcome.js';
import { finishedWell, headOf } from './outcome.js';
import { cleanUpAfterSwap, swapChain } from './swap-chain.js';

export interface RollbackRequest {
  readonly operationId: OperationId;
  readonly instanceId: InstanceId;
  /** What the restore point is made of, lowest layer first; the last is its own layer. */
  readonly lineage: readonly LayerRef[];
  /** What the instance's chain stands on now, as far as the catalog knows. */
  readonly currentLineage: readonly LayerRef[];
  readonly storedLayers: readonly LayerUid[];
}

/**
 * Takes an instance's system disk back to a restore point.
 *
 *     before   [base] <- [history] <- [A]
 *     after    [base] <- [restored] <- [B]          the history layer itself, where it shows the restore point's state
 *     kept     [base] <- [history] <- [A]           the safety point, for undo
 *
 * The restored layer is put together while the instance still runs: for every guest range the newest layer of the
 * lineage that defines it is known from the manifests, so each byte is fetched once, none that the local layers hold,
 * and several layers arrive as one. Only guest data is taken from the store, each frame checked; no image made
 * elsewhere is ever opened by a tool. Then the instance is stopped, `disk` moved, and the instance started.
 */
export async function rollbackSystemDisk(
  run: Run,
  request: RollbackRequest,
  ctx: ProcedureContext,
): Promise<ProcedureResult> {
  const { instanceId } = request;
  const names = await run.step('name files', nameFiles(ctx));
  const { powerState } = await run.step('examine chain', examineChain(ctx, instanceId, names.adopted, 'rollback'));

  const plan = await run.step('plan restore', planSources(ctx, request));
  const built =
    plan.shown === null
      ? await run.step('build restored layer', buildRestoredLayer(run, ctx, request, names.restored, plan.local))
      : { inode: '', fetchedBytes: 0, localBytes: 0 };
  const active = await run.step(
    'create active layer',
    createActiveLayer(ctx, instanceId, names.active, plan.shown ?? names.restored),
  );

  const swapped = await swapChain(run, ctx, {
    ...request,
    wasRunning: powerState !== 'stopped',
    next: (record) =>
      chainAfter(record, request, {
        shown: plan.shown,
        restored: names.restored,
        built,
        active: names.active,
        activeInode: active.inode,
      }),
  });

  await run.announce('rollback.completed', {
    fetchedBytes: built.fetchedBytes,
    localBytes: built.localBytes,
    downtimeMs: swapped.downtimeMs,
  });
  await run.step('clean up', cleanUpAfterSwap(ctx, instanceId));
  const end = await run.step('look at chain', headOf(ctx, instanceId, request.storedLayers));
  return { ...finishedWell(null), merges: [], ...end };
}

interface RollbackNames {
  readonly adopted: FileId;
  readonly restored: FileId;
  readonly active: FileId;
}

const nameFiles = (ctx: ProcedureContext): Step<RollbackNames> =>
  repeatable(() => Promise.resolve({ adopted: ctx.newFileId(), restored: ctx.newFileId(), active: ctx.newFileId() }));

const targetOf = (request: RollbackRequest): LayerUid => {
  const target = request.lineage.at(-1);
  if (!target) throw new ManifestUnusableError('?', 'the lineage is empty');
  return target.uid;
};

/**
 * @returns `shown`: the sealed layer that shows the restore point's very state, so that nothing has to be fetched;
 *   else `local`: the sealed layer whose bytes can be used, and the state that it shows
 */
function planSources(
  ctx: ProcedureContext,
  request: RollbackRequest,
): Step<{ shown: FileId | null; local: { file: FileId; asOf: LayerUid } | null }> {
  return repeatable(async () => {
    const usable = sealedOf(await recordOf(ctx, request.instanceId)).filter((file) => !file.mixture);
    // Shared with the safety point it can't be merged into: then only a copy could ever take its place.
    const mayBeShared = ctx.hypervisor.canReplaceBacking;
    const shown = mayBeShared ? usable.findLast((file) => file.asOf === targetOf(request)) : undefined;
    const known = new Set<LayerUid | null>(request.currentLineage.map((ref) => ref.uid));
    const local = usable.findLast((file) => known.has(file.asOf));
    return {
      shown: shown?.fileId ?? null,
      local: local?.asOf ? { file: local.fileId, asOf: local.asOf } : null,
    };
  });
}

// ---- while the instance still runs ---------------------------------------------------------------------------------

function buildRestoredLayer(
  run: Run,
  ctx: ProcedureContext,
  request: RollbackRequest,
  restored: FileId,
  local: { file: FileId; asOf: LayerUid } | null,
): Step<{ inode: string; fetchedBytes: number; localBytes: number }> {
  const { instanceId } = request;
  return repeatable(
    () =>
      ctx.transfer(async () => {
        const { signal } = run;
        ctx.progress('fetching', 0, 0);
        const record = await recordOf(ctx, instanceId);
        const lineage = await ctx.layers.manifests(request.lineage, { signal });
        await assertSameBase(ctx, record, lineage);
        const localLength = local ? request.currentLineage.findIndex((ref) => ref.uid === local.asOf) + 1 : 0;
        const localRefs = request.currentLineage.slice(0, localLength);
        const localOwners = ownersOf(await manifestsOf(ctx, localRefs, lineage, signal));
        const plan = planRestore(ownersOf(lineage), localOwners);
        const bytes = bytesBySource(plan);
        await assertSpace(ctx, instanceId, bytes.local + bytes.store, 'The restored layer');

        await registerTransient(ctx, instanceId, [restored]);
        const base = record.base ? { kind: 'base' as const, base: record.base } : null;
        const { inode } = await ctx.files.createLayer(instanceId, restored, base, record.virtualSizeBytes);
        const writer = await ctx.files.openWriter(instanceId, restored);
        let fetchedBytes = 0;
        try {
          const total = bytes.local + bytes.store;
          let written = 0;
          const onWritten = (length: number): void => ctx.progress('fetching', (written += length), total);
          await writeZeros(writer, plan);
          if (local) await copyLocal(ctx, instanceId, local.file, writer, plan, onWritten, signal);
          for (const manifest of lineage) {
            fetchedBytes += await fetchRuns(ctx, manifest, writer, plan, onWritten, signal);
          }
          await writer.finish();
        } finally {
          await writer.close();
        }
        await ctx.files.checkLayer(instanceId, restored);
        assertCovers(await ctx.files.extents(instanceId, restored), plan, targetOf(request));
        return { inode, fetchedBytes, localBytes: bytes.local };
      }),
    () => dropTransient(ctx, instanceId, [restored], neededByRecord),
  );
}

const neededByRecord = (record: ChainRecord): ReadonlySet<FileId> => new Set(record.files.map((file) => file.fileId));

/** The lineages usually share most of their layers: what was fetched for one is not fetched again. */
async function manifestsOf(
  ctx: ProcedureContext,
  refs: readonly LayerRef[],
  fetched: readonly LayerManifest[],
  signal: AbortSignal,
): Promise<LayerManifest[]> {
  const known = new Map(fetched.map((manifest) => [manifest.uid, manifest]));
  const missing = await ctx.layers.manifests(
    refs.filter((ref) => !known.has(ref.uid)),
    { signal },
  );
  for (const manifest of missing) known.set(manifest.uid, manifest);
  return refs.flatMap((ref) => known.get(ref.uid) ?? []);
}

async function assertSameBase(
  ctx: ProcedureContext,
  record: ChainRecord,
  lineage: readonly LayerManifest[],
): Promise<void> {
  const backing = lineage[0]?.backing;
  const here = record.base ? (await ctx.files.baseDigest(record.base)).sha256 : 'none';
  const wanted = backing?.kind === 'base' ? backing.sha256 : 'none';
  if (here !== wanted) throw new BaseImageChangedError(wanted, here);
  const other = lineage.find((manifest) => manifest.virtualSizeBytes !== record.virtualSizeBytes);
  if (other) throw new ManifestUnusableError(other.uid, `the disk then had ${other.virtualSizeBytes} bytes`);
}

async function writeZeros(writer: ImageWriter, plan: readonly RestoreRun[]): Promise<void> {
  for (const run of plan) if (run.from === 'zero') await writer.zero(run.guestOffset, run.length);
}

const COPY_BYTES = 4 << 20;

async function copyLocal(
  ctx: ProcedureContext,
  instance: InstanceId,
  file: FileId,
  writer: ImageWriter,
  plan: readonly RestoreRun[],
  onWritten: (bytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const reader = await ctx.files.openReader(instance, file);
  try {
    for (const run of plan) {
      if (run.from !== 'local') continue;
      for (let at = 0; at < run.length; at += COPY_BYTES) {
        signal.throwIfAborted();
        const length = Math.min(COPY_BYTES, run.length - at);
        await writer.write(run.guestOffset + at, await reader.read(run.guestOffset + at, length));
        onWritten(length);
      }
    }
  } finally {
    await reader.close();
  }
}

/** @returns the bytes that came from the store, as compressed there */
async function fetchRuns(
  ctx: ProcedureContext,
  manifest: LayerManifest,
  writer: ImageWriter,
  plan: readonly RestoreRun[],
  onWritten: (bytes: number) => void,
  signal: AbortSignal,
): Promise<number> {
  const runs = plan
    .filter((run) => run.from === 'store')
    .filter((run) => run.layer === manifest.uid)
    .sort((a, b) => a.fileOffset - b.fileOffset);
  if (runs.length === 0) return 0;
  let fetched = 0;
  let current = 0;
  const pieces = ctx.layers.read(manifest, runs, { signal, onFetched: (bytes) => (fetched += bytes) });
  for await (const { fileOffset, bytes } of pieces) {
    let run = runs[current];
    while (run && fileOffset >= run.fileOffset + run.length) run = runs[++current];
    if (!run || fileOffset < run.fileOffset)
      throw new ManifestUnusableError(manifest.uid, 'a run that nobody asked for');
    await writer.write(run.guestOffset + (fileOffset - run.fileOffset), bytes);
    onWritten(bytes.length);
  }
  return fetched;
}

/** Whether the layer defines exactly the guest ranges of the plan: an unwritten range would show the base image's data. */
function assertCovers(extents: readonly Extent[], plan: readonly RestoreRun[], target: LayerUid): void {
  const joined = (ranges: readonly (readonly [number, number])[]): string => {
    const out: [number, number][] = [];
    for (const [start, length] of ranges) {
      const last = out.at(-1);
      if (last && last[0] + last[1] === start) last[1] += length;
      else out.push([start, length]);
    }
    return JSON.stringify(out);
  };
  const wanted = joined(plan.map((run) => [run.guestOffset, run.length]));
  const found = joined(extents.map(([start, length]) => [start, length]));
  if (wanted !== found)
    throw new ManifestUnusableError(target, 'the restored layer does not define what the lineage does');
}

function createActiveLayer(
  ctx: ProcedureContext,
  instance: InstanceId,
  active: FileId,
  backing: FileId,
): Step<{ inode: string }> {
  return repeatable(
    async () => {
      const record = await recordOf(ctx, instance);
      await registerTransient(ctx, instance, [active]);
      return ctx.files.createLayer(instance, active, { kind: 'layer', file: backing }, record.virtualSizeBytes);
    },
    () => dropTransient(ctx, instance, [active], neededByRecord),
  );
}

// ---- the new chain ---------------------------------------------------------------------------------------------------

function chainAfter(
  record: ChainRecord,
  request: RollbackRequest,
  made: { shown: FileId | null; restored: FileId; built: { inode: string }; active: FileId; activeInode: string },
): Pick<ChainRecord, 'files' | 'detached'> {
  const sealed = sealedOf(record);
  const layers = request.lineage.map((ref) => ref.uid);
  const below =
    made.shown === null
      ? [{ fileId: made.restored, asOf: targetOf(request), layers, inode: made.built.inode }]
      : sealed.slice(0, sealed.findIndex((file) => file.fileId === made.shown) + 1);
  const files = [...below, { fileId: made.active, asOf: null, layers: [], inode: made.activeInode }];
  assertChainLength(files);
  return { files, detached: null };
}
