import {
  BaseImageChangedError,
  bytesBySource,
  inOrder,
  ManifestUnusableError,
  ownersOf,
  planRestore,
} from '@varve/core';
import type { BaseImage, Extent, FileId, InstanceId, LayerManifest, LayerUid, RestoreRun } from '@varve/core';
import type { ImageWriter, LayerRef } from '@varve/ports';
import type { ProcedureContext } from './context.js';
import { assertSpace } from './examine-chain.js';
import { PIECE_BYTES, PIECES_AHEAD } from './pieces.js';

/** A stored state that is to be one layer on its base image. */
export interface LayerAssembly {
  readonly instanceId: InstanceId;
  /** What the layer will be called. */
  readonly file: FileId;
  readonly base: BaseImage | null;
  readonly virtualSizeBytes: number;
  /** What the state is made of, lowest layer first; the last is its own layer. */
  readonly lineage: readonly LayerRef[];
  /** What the instance's chain stands on now. */
  readonly currentLineage: readonly LayerRef[];
  /** The sealed layer on the host whose bytes can be used, and the state of the current lineage that it shows. */
  readonly local: { readonly file: FileId; readonly asOf: LayerUid } | null;
}

export interface AssembledLayer {
  readonly inode: string;
  /** From the store, as compressed there. */
  readonly fetchedBytes: number;
  /** Guest bytes taken from what the host had. */
  readonly localBytes: number;
}

/**
 * Makes the layer: each byte is fetched once, none that the local layers hold, and every frame is checked. What is there
 * under its name already is replaced.
 */
export async function assembleLayer(
  ctx: ProcedureContext,
  wanted: LayerAssembly,
  signal: AbortSignal,
): Promise<AssembledLayer> {
  const { instanceId, file, base, virtualSizeBytes, local } = wanted;
  ctx.progress('fetching', 0, 0);
  const lineage = await ctx.layers.manifests(wanted.lineage, { signal });
  await assertSameBase(ctx, wanted, lineage);
  const localLength = local ? wanted.currentLineage.findIndex((ref) => ref.uid === local.asOf) + 1 : 0;
  const localOwners = ownersOf(await manifestsOf(ctx, wanted.currentLineage.slice(0, localLength), lineage, signal));
  const plan = planRestore(ownersOf(lineage), localOwners);
  const bytes = bytesBySource(plan);
  const total = bytes.local + bytes.store;
  await assertSpace(ctx, instanceId, total, 'The restored layer');

  const backing = base ? { kind: 'base' as const, base } : null;
  const { inode } = await ctx.files.createLayer(instanceId, file, backing, virtualSizeBytes);
  const writer = await ctx.files.openWriter(instanceId, file);
  let fetchedBytes = 0;
  try {
    let written = 0;
    const onWritten = (length: number): void => ctx.progress('fetching', (written += length), total);
    await writeZeros(writer, plan);
    if (local) await copyLocal(ctx, instanceId, local.file, writer, plan, onWritten, signal);
    for (const manifest of lineage) fetchedBytes += await fetchRuns(ctx, manifest, writer, plan, onWritten, signal);
    await writer.finish();
  } finally {
    await writer.close();
  }
  await ctx.files.checkLayer(instanceId, file);
  assertCovers(await ctx.files.extents(instanceId, file), plan, wanted.lineage.at(-1)?.uid ?? ('?' as LayerUid));
  return { inode, fetchedBytes, localBytes: bytes.local };
}

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
  { base, virtualSizeBytes }: Pick<LayerAssembly, 'base' | 'virtualSizeBytes'>,
  lineage: readonly LayerManifest[],
): Promise<void> {
  const backing = lineage[0]?.backing;
  const here = base ? (await ctx.files.baseDigest(base)).sha256 : 'none';
  const wanted = backing?.kind === 'base' ? backing.sha256 : 'none';
  if (here !== wanted) throw new BaseImageChangedError(wanted, here);
  const other = lineage.find((manifest) => manifest.virtualSizeBytes !== virtualSizeBytes);
  if (other) throw new ManifestUnusableError(other.uid, `the disk then had ${other.virtualSizeBytes} bytes`);
}

async function writeZeros(writer: ImageWriter, plan: readonly RestoreRun[]): Promise<void> {
  const zeros = plan.filter((run) => run.from === 'zero');
  const written = inOrder(zeros, PIECES_AHEAD, (run) => writer.zero(run.guestOffset, run.length));
  for await (const _ of written);
}

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
    const copied = inOrder(localPieces(plan), PIECES_AHEAD, async ([offset, length]) => {
      signal.throwIfAborted();
      await writer.write(offset, await reader.read(offset, length));
      return length;
    });
    for await (const length of copied) onWritten(length);
  } finally {
    await reader.close();
  }
}

function* localPieces(plan: readonly RestoreRun[]): Generator<[offset: number, length: number]> {
  for (const run of plan) {
    if (run.from !== 'local') continue;
    for (let at = 0; at < run.length; at += PIECE_BYTES) {
      yield [run.guestOffset + at, Math.min(PIECE_BYTES, run.length - at)];
    }
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
  const written = inOrder(pieces, PIECES_AHEAD, async ({ fileOffset, bytes }) => {
    let run = runs[current];
    while (run && fileOffset >= run.fileOffset + run.length) run = runs[++current];
    if (!run || fileOffset < run.fileOffset)
      throw new ManifestUnusableError(manifest.uid, 'a run that nobody asked for');
    await writer.write(run.guestOffset + (fileOffset - run.fileOffset), bytes);
    return bytes.length;
  });
  for await (const length of written) onWritten(length);
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
