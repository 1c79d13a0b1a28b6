import { createHash } from 'node:crypto';
import {
  BaseImageMissingError,
  ImageDamagedError,
  ManifestUnusableError,
  OutcomeUnknownError,
  sealedOf,
} from '@varve/core';
import type {
  BaseImage,
  FileId,
  ImageId,
  InstanceId,
  LayerUid,
  OperationId,
  ProjectId,
  SnapshotUid,
} from '@varve/core';
import type { FlatImage, FoundImage, LayerRef, NewImage } from '@varve/ports';
import { assembleLayer } from './assemble-layer.js';
import type { ProcedureContext } from './context.js';
import { imageOf } from './describe-image.js';
import type { ImageRequest } from './describe-image.js';
import type { Run } from './engine/run.js';
import { repeatable } from './engine/step.js';
import type { Step } from './engine/step.js';
import { finishedWell } from './outcome.js';
import type { ProcedureResult } from './outcome.js';

export interface ExportRequest {
  readonly operationId: OperationId;
  readonly instanceId: InstanceId;
  readonly projectId: ProjectId;
  readonly snapshotUid: SnapshotUid;
  /** What the restore point is made of, lowest layer first; the last is its own layer. */
  readonly lineage: readonly LayerRef[];
  /** What the instance's chain stands on now, as far as the catalog knows. */
  readonly currentLineage: readonly LayerRef[];
  readonly takenAt: string;
  readonly image: ImageRequest;
}

/**
 * Makes an image of the cloud of a restore point.
 *
 *     on the host     [base] <- [history] <- [A]        as before; whether and how the instance runs is all the same
 *                     [base] <- [flattened]             for as long as it takes; not where the history shows that state
 *     in the cloud    one image that stands on nothing
 *
 * Nothing of the instance is changed or locked: its sealed layers are read, as a rollback reads them. The image file is
 * made while it is sent, so that the host needs room for what the restore point differs in from its base image, and not
 * for the disk.
 *
 * An image's id follows from the operation's, and is used once: a life after a crash finds what the one before has made,
 * takes it when it is whole, and else deletes it and goes on with the next id.
 */
export async function exportRestorePoint(
  run: Run,
  request: ExportRequest,
  ctx: ProcedureContext,
): Promise<ProcedureResult> {
  const { instanceId, snapshotUid } = request;
  const { flattened } = await run.step('name files', nameFiles(ctx));
  const image = await run.step('describe image', describeImage(run, ctx, request));
  const plan = await run.step('plan image', planSources(run, ctx, request));
  const built =
    plan.shown === null
      ? await run.step('build flattened layer', buildFlattened(run, ctx, request, flattened, plan))
      : { fetchedBytes: 0 };
  const sent = await run.step('send image', sendImage(run, ctx, request, image, plan.shown ?? flattened));

  await run.pointOfNoReturn();
  await run.announce('export.completed', { snapshotUid, ...sent, fetchedBytes: built.fetchedBytes });
  await run.step('clean up', cleanUp(ctx, instanceId, flattened));
  return { ...finishedWell(null), merges: [], chainLength: null, headLayerUid: null, topLayerUid: null };
}

const nameFiles = (ctx: ProcedureContext): Step<{ flattened: FileId }> =>
  repeatable(() => Promise.resolve({ flattened: ctx.newFileId() }));

const describeImage = (run: Run, ctx: ProcedureContext, request: ExportRequest): Step<Omit<NewImage, 'id'>> =>
  repeatable(async () => {
    const [target] = await ctx.layers.manifests(request.lineage.slice(-1), { signal: run.signal });
    if (!target) throw new ManifestUnusableError('?', 'the lineage is empty');
    const originalId = (await ctx.compute.imageOf?.(request.instanceId)) ?? null;
    // It may have been deleted since: then nobody knows any more what the instance was made with. Asked in any case:
    // where there is no image service, nothing is begun.
    const original = await ctx.images.find(originalId ?? imageIdOf(request.operationId, 0));
    return imageOf(request, target.virtualSizeBytes, original);
  });

// ---- the layer ---------------------------------------------------------------------------------------------------------

interface Plan {
  readonly base: BaseImage | null;
  readonly virtualSizeBytes: number;
  /** The sealed layer that shows the restore point's very state. */
  readonly shown: FileId | null;
  /** Else the one whose bytes can be used, and the state that it shows. */
  readonly local: { readonly file: FileId; readonly asOf: LayerUid } | null;
}

function planSources(run: Run, ctx: ProcedureContext, request: ExportRequest): Step<Plan> {
  const { instanceId, lineage } = request;
  return repeatable(async () => {
    const [lowest] = await ctx.layers.manifests(lineage.slice(0, 1), { signal: run.signal });
    const { backing } = lowest ?? {};
    if (!lowest || backing?.kind === 'layer')
      throw new ManifestUnusableError(lowest?.uid ?? '?', 'it is not the lowest');
    const base = backing?.kind === 'base' ? await ctx.files.findBase(instanceId, backing) : null;
    if (backing?.kind === 'base' && !base) throw new BaseImageMissingError(backing.sha256, backing.sizeBytes);

    const usable = await usableLayers(ctx, instanceId, base);
    const known = new Set(request.currentLineage.map((ref) => ref.uid));
    const target = lineage.at(-1)?.uid;
    return {
      base,
      virtualSizeBytes: lowest.virtualSizeBytes,
      shown: usable.findLast(({ asOf }) => asOf === target)?.file ?? null,
      local: usable.findLast(({ asOf }) => known.has(asOf)) ?? null,
    };
  });
}

/**
 * Sealed layers on this base image that are the files on record: whatever else may be wrong with the instance's disk. None
 * while a merge may go on in QEMU still.
 */
async function usableLayers(
  ctx: ProcedureContext,
  instance: InstanceId,
  base: BaseImage | null,
): Promise<{ file: FileId; asOf: LayerUid }[]> {
  const record = await ctx.files.readRecord(instance);
  if (!record || record.base?.path !== base?.path || record.files.some((file) => file.mixture)) return [];
  const usable: { file: FileId; asOf: LayerUid }[] = [];
  for (const { fileId: file, inode, asOf } of sealedOf(record)) {
    const found = await ctx.files.fingerprint(instance, file);
    // What stands on a file that is gone, or is another one, shows nothing any more.
    if (found?.inode !== inode) return usable;
    if (asOf !== null) usable.push({ file, asOf });
  }
  return usable;
}

const buildFlattened = (
  run: Run,
  ctx: ProcedureContext,
  request: ExportRequest,
  file: FileId,
  { base, virtualSizeBytes, local }: Plan,
): Step<{ fetchedBytes: number }> =>
  repeatable(
    () => {
      const { instanceId, lineage, currentLineage } = request;
      const wanted = { instanceId, file, base, virtualSizeBytes, lineage, currentLineage, local };
      return ctx.transfer(() => assembleLayer(ctx, wanted, run.signal));
    },
    // Not on record: this journal is what knows of it, and outlives it.
    () => ctx.files.removeLayer(request.instanceId, file),
  );

const cleanUp = (ctx: ProcedureContext, instance: InstanceId, file: FileId): Step<null> =>
  repeatable(async () => {
    await ctx.files.removeLayer(instance, file);
    return null;
  });

// ---- the image ---------------------------------------------------------------------------------------------------------

interface SentImage {
  readonly imageId: ImageId;
  readonly sizeBytes: number;
  readonly sha512: string;
}

/** How often a worker may die over one image. */
const IMAGES_AT_MOST = 12;

function sendImage(
  run: Run,
  ctx: ProcedureContext,
  request: ExportRequest,
  image: Omit<NewImage, 'id'>,
  file: FileId,
): Step<SentImage> {
  const { operationId, instanceId } = request;
  return repeatable(
    () =>
      ctx.transfer(async () => {
        const flat = await ctx.files.openFlat(instanceId, file, image.diskFormat);
        try {
          for (const id of imageIdsOf(operationId)) {
            const sent = await sendOnce(ctx, { ...image, id }, flat, run.signal);
            if (sent) return sent;
          }
        } finally {
          await flat.close();
        }
        throw new OutcomeUnknownError('The image was begun too often and never came to its end', { operationId });
      }),
    () => withdrawImages(ctx, operationId),
  );
}

/** @returns `null`: nothing can become of an image with this id, and there is none */
async function sendOnce(
  ctx: ProcedureContext,
  image: NewImage,
  flat: FlatImage,
  signal: AbortSignal,
): Promise<SentImage | null> {
  const { id } = image;
  let there = await ctx.images.find(id);
  if (!there && (await ctx.images.create(image)) === 'taken') {
    // What was asked for before, and not answered, may have been done in this very moment.
    there = await ctx.images.find(id);
    if (!there) return null;
  }
  if (there && there.status !== 'queued') {
    // Sent whole by a life that could not say so any more?
    const sha512 = there.status === 'active' ? await digestOf(flat, 'sha512', signal) : '';
    if (there.status === 'active' && (await whatDiffers(there, flat, sha512, signal)) === null) {
      return { imageId: id, sizeBytes: flat.sizeBytes, sha512 };
    }
    await ctx.images.delete(id);
    return null;
  }

  const hash = createHash('sha512');
  const content = watched(flat, signal, (piece, doneBytes) => {
    hash.update(piece);
    ctx.progress('uploading', doneBytes, flat.sizeBytes);
  });
  await ctx.images.upload(id, content, { sizeBytes: flat.sizeBytes, signal });
  const sha512 = hash.digest('hex');
  const difference = await whatDiffers(await ctx.images.find(id), flat, sha512, signal);
  if (difference !== null) throw new ImageDamagedError(id, difference);
  return { imageId: id, sizeBytes: flat.sizeBytes, sha512 };
}

/** @returns `null`: it is active, and its content is the image's, by its size and digest */
async function whatDiffers(
  found: FoundImage | null,
  flat: FlatImage,
  sha512: string,
  signal: AbortSignal,
): Promise<string | null> {
  if (found?.status !== 'active') return `its status is ${found?.status ?? 'none'}`;
  if (found.sizeBytes !== flat.sizeBytes) return `${found.sizeBytes ?? 'no'} bytes of ${flat.sizeBytes}`;
  if (!found.digest) return 'nothing tells what its content is';
  const { algorithm, hex } = found.digest;
  const own = algorithm === 'sha512' ? sha512 : await digestOf(flat, algorithm, signal);
  return hex === own ? null : `its ${algorithm} is ${hex}`;
}

async function digestOf(flat: FlatImage, algorithm: string, signal: AbortSignal): Promise<string> {
  const hash = createHash(algorithm);
  for await (const _ of watched(flat, signal, (piece) => hash.update(piece)));
  return hash.digest('hex');
}

async function* watched(
  flat: FlatImage,
  signal: AbortSignal,
  look: (piece: Buffer, doneBytes: number) => void,
): AsyncGenerator<Buffer> {
  let done = 0;
  for await (const piece of flat.content()) {
    signal.throwIfAborted();
    look(piece, (done += piece.length));
    yield piece;
  }
}

/** Deletes whatever images an operation has made. Also for one whose journal is gone with its instance. */
export async function withdrawImages(ctx: Pick<ProcedureContext, 'images'>, operation: OperationId): Promise<void> {
  for (const id of imageIdsOf(operation)) if (await ctx.images.find(id)) await ctx.images.delete(id);
}

/** The ids that an operation's images have, one after the other. */
const imageIdsOf = (operation: OperationId): ImageId[] =>
  Array.from({ length: IMAGES_AT_MOST }, (_, n) => imageIdOf(operation, n));

function imageIdOf(operation: OperationId, n: number): ImageId {
  const hex = createHash('sha256').update(`varve image ${n} of ${operation}`).digest('hex');
  // A uuid whose version says that its bits mean something to its maker alone.
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  ) as ImageId;
}
