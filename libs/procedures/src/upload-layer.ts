import { problemOf } from '@varve/core';
import type { BackingRef, Consistency, FileId, InstanceId, LayerUid, Problem, ProjectId } from '@varve/core';
import type { StoredLayer } from '@varve/ports';
import type { ProcedureContext } from './context.js';
import { recordOf, registerTransient } from './context.js';
import type { Run } from './engine/run.js';
import { repeatable } from './engine/step.js';
import type { Step } from './engine/step.js';
import { assertSpace } from './examine-chain.js';
import { incrementOnKnownState } from './known-state.js';

/** Of every layer that we make, and of those that Nova makes. */
const CLUSTER_BYTES = 65536;

export type UploadResult =
  | { readonly kind: 'stored'; readonly layer: StoredLayer }
  /** `source`: the file that the upload would have been made of; `null` where it could not be made. */
  | { readonly kind: 'failed'; readonly problem: Problem; readonly source: FileId | null };

interface Upload {
  readonly sealedAt: string;
  readonly consistency: Consistency;
  /** Lowest first; nobody writes to any of them. */
  readonly parts: readonly FileId[];
  readonly backing: LayerUid | null;
  /** Names for what has to be built when there is more than one part. */
  readonly built: FileId;
  readonly scratch: FileId;
  /** And for the layer with what differs from a stored state that no layer here shows any more. */
  readonly increment: FileId;
}

/**
 * Stores one layer made of the given files. That it can't be stored is a result: the snapshot has failed, the guest
 * has not noticed, and the next snapshot takes the same data along.
 */
export function uploadLayer(
  run: Run,
  ctx: ProcedureContext,
  request: {
    readonly instanceId: InstanceId;
    readonly projectId: ProjectId;
    readonly layerUid: LayerUid;
    readonly storedLayers: readonly LayerUid[];
  },
  upload: Upload,
): Step<UploadResult> {
  const { instanceId, storedLayers } = request;
  const { signal } = run;
  return repeatable(() => {
    // Before its first byte: it may have to wait for its turn, or for the store.
    ctx.progress('uploading', 0, 0);
    return ctx.transfer(async () => {
      let source: FileId | null = null;
      try {
        source = await oneFileOf(ctx, instanceId, upload);
        const { backing, increment: into } = upload;
        const less = await incrementOnKnownState(ctx, instanceId, { source, backing, into }, storedLayers, signal);
        const file = less?.file ?? source;
        const record = await recordOf(ctx, instanceId);
        const layer = await ctx.layers.upload(
          {
            uid: request.layerUid,
            instanceId,
            projectId: request.projectId,
            backing: less?.backing ?? (await backingRef(ctx, instanceId, backing)),
            path: await ctx.files.layerPath(instanceId, file),
            extents: await ctx.files.extents(instanceId, file),
            virtualSizeBytes: record.virtualSizeBytes,
            clusterBytes: CLUSTER_BYTES,
            consistency: upload.consistency,
            sealedAt: upload.sealedAt,
            tools: await ctx.hypervisor.versions(),
          },
          { signal, onProgress: (done, total) => ctx.progress('uploading', done, total) },
        );
        return { kind: 'stored' as const, layer };
      } catch (error) {
        if (signal.aborted) throw error;
        return { kind: 'failed' as const, problem: problemOf(error), source };
      }
    });
  });
}

/** The parts as one file: the only part itself, or copies merged into a file beside the chain. */
async function oneFileOf(
  ctx: ProcedureContext,
  instance: InstanceId,
  { parts, built, scratch }: Upload,
): Promise<FileId> {
  const [lowest, ...others] = parts;
  if (!lowest) throw new Error('An upload without a layer');
  if (others.length === 0) return lowest;
  const sizes = await Promise.all(parts.map((part) => ctx.files.allocatedBytes(instance, part)));
  await assertSpace(ctx, instance, 2 * sizes.reduce((sum, size) => sum + size, 0), 'Merging failed layers');
  await registerTransient(ctx, instance, [built, scratch]);
  await ctx.files.copyLayer(instance, lowest, built);
  for (const part of others) {
    await ctx.files.copyLayer(instance, part, scratch);
    await ctx.files.setBacking(instance, scratch, { kind: 'layer', file: built });
    await ctx.files.commitOffline(instance, scratch, built);
    await ctx.files.removeLayer(instance, scratch);
  }
  await ctx.files.checkLayer(instance, built);
  return built;
}

async function backingRef(ctx: ProcedureContext, instance: InstanceId, backing: LayerUid | null): Promise<BackingRef> {
  if (backing !== null) return { kind: 'layer', uid: backing };
  const { base } = await recordOf(ctx, instance);
  return base ? { kind: 'base', format: base.format, ...(await ctx.files.baseDigest(base)) } : { kind: 'none' };
}
