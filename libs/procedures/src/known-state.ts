import { createHash } from 'node:crypto';
import { DIGEST_BYTES, digestsInOrder, inOrder, judge, piecesIn, sealedOf } from '@varve/core';
import type { BackingRef, ChainRecord, FileId, InstanceId, LayerUid, PieceRun } from '@varve/core';
import type { ImageReader, ImageWriter } from '@varve/ports';
import type { ProcedureContext } from './context.js';
import { recordOf, registerTransient } from './context.js';
import { repeatable } from './engine/step.js';
import type { Step } from './engine/step.js';
import { PIECE_BYTES, PIECES_AHEAD } from './pieces.js';

/** The least that is compared, and with it uploaded where it differs; what QEMU's clusters are. */
const COMPARED_BYTES = 65_536;
/** So many digests are 8 MiB. A disk with more data than 16 GiB of its own is compared in longer pieces. */
const PIECES_AT_MOST = 2 ** 18;
/** What nothing hashes to: that piece is taken for another one. */
const OF_NOTHING = Buffer.alloc(DIGEST_BYTES);

// What a settled disk is an increment on. Settling leaves one layer with everything, and what of it was uploaded before
// can't be told from its extents: what QEMU copied there looks like what the guest wrote. So the newest stored state is
// read once more while there is still a layer that shows it, and what it reads is kept as digests.

/** Keeps the digests of the newest stored state. Those of an earlier settling are of the newest, until there is another. */
export function digestStoredState(
  ctx: ProcedureContext,
  instance: InstanceId,
  stored: readonly LayerUid[],
  signal: AbortSignal,
): Step<null> {
  return repeatable(() =>
    ctx.transfer(async () => {
      const record = await recordOf(ctx, instance);
      if (record.digestsOf !== undefined && stored.includes(record.digestsOf)) return null;
      const shown = newestStored(record, stored);
      if (!shown) return null;
      const { asOf, files, since } = shown;
      const ranges = await rangesOf(ctx, instance, files);
      const pieceBytes = pieceBytesFor(ctx, ranges);
      const pieces = piecesIn(ranges, pieceBytes);
      const changed = numbersIn(piecesIn(since ? await rangesOf(ctx, instance, [since]) : [], pieceBytes));
      const digests: Buffer[] = [];
      await withReader(ctx, instance, files.at(-1) as FileId, async (reader) => {
        for await (const { piece, bytes } of readPieces(reader, pieces, pieceBytes, record.virtualSizeBytes)) {
          signal.throwIfAborted();
          digests.push(changed.has(piece) ? OF_NOTHING : sha256(bytes));
        }
      });
      await ctx.files.writeDigests(instance, {
        asOf,
        baseSha256: await baseSha256(ctx, record),
        virtualSizeBytes: record.virtualSizeBytes,
        pieceBytes,
        pieces,
        sha256: Buffer.concat(digests),
      });
      await ctx.files.writeRecord({ ...record, digestsOf: asOf });
      return null;
    }),
  );
}

/** A layer that is as much as another one, and less to upload. */
export interface Increment {
  readonly file: FileId;
  readonly backing: BackingRef;
}

/**
 * Makes of a layer, with all that lies below it, one with only what differs from the state whose digests are kept.
 *
 * @param source - nobody writes to it
 * @param backing - the stored state that it is an increment on; `null` for the base image
 * @param into - a name for the new layer; on record as transient
 * @returns `null`: there is no other such state in the store, or no space for the new layer
 */
export async function incrementOnKnownState(
  ctx: ProcedureContext,
  instance: InstanceId,
  { source, backing, into }: { source: FileId; backing: LayerUid | null; into: FileId },
  stored: readonly LayerUid[],
  signal: AbortSignal,
): Promise<Increment | null> {
  const record = await recordOf(ctx, instance);
  const { digestsOf, virtualSizeBytes } = record;
  if (digestsOf === undefined || digestsOf === backing || !stored.includes(digestsOf)) return null;
  const known = await ctx.files.readDigests(instance);
  if (known?.asOf !== digestsOf || known.virtualSizeBytes !== virtualSizeBytes) return null;
  if (known.baseSha256 !== (await baseSha256(ctx, record))) return null;
  const needBytes = (await ctx.files.allocatedBytes(instance, source)) + ctx.settings.reserveBytes;
  // What a life before this one made of it counts, so that this one comes to the same layer under the same uid.
  const freeBytes = (await ctx.files.freeBytes(instance)) + (await ctx.files.allocatedBytes(instance, into));
  if (freeBytes < needBytes) return null;

  const { pieceBytes } = known;
  const own = await ctx.files.extents(instance, source);
  const ofKnown = known.pieces.map(([first, count]) => [first * pieceBytes, count * pieceBytes] as const);
  const pieces = piecesIn([...own, ...ofKnown], pieceBytes);
  await registerTransient(ctx, instance, [into]);
  const base = record.base ? { kind: 'base' as const, base: record.base } : null;
  await ctx.files.createLayer(instance, into, base, virtualSizeBytes);
  const writer = await ctx.files.openWriter(instance, into);
  try {
    await withReader(ctx, instance, source, async (reader) => {
      const digestOf = digestsInOrder(known);
      const read = readPieces(reader, pieces, pieceBytes, virtualSizeBytes);
      const written = inOrder(read, PIECES_AHEAD, async ({ piece, bytes }) => {
        signal.throwIfAborted();
        if (!digestOf(piece)?.equals(sha256(bytes))) await put(writer, piece * pieceBytes, bytes);
      });
      for await (const _ of written);
    });
    await writer.finish();
  } finally {
    await writer.close();
  }
  await ctx.files.checkLayer(instance, into);
  return { file: into, backing: { kind: 'layer', uid: digestsOf } };
}

interface Shown {
  readonly asOf: LayerUid;
  /** The layers that show it, lowest first; never none. */
  readonly files: readonly FileId[];
  /** They show it but for what this one holds: a failed layer that was folded into them. */
  readonly since: FileId | null;
}

/** The newest stored state, if the chain shows it. */
function newestStored(record: ChainRecord, stored: readonly LayerUid[]): Shown | null {
  const sealed = sealedOf(record);
  const { backing, detached } = judge(sealed, record.detached, new Set(stored));
  if (backing === null || !stored.includes(backing)) return null;
  const shownBy = detached ? detached.asOf : backing;
  const top = sealed.findLastIndex(({ asOf, mixture }) => asOf === shownBy && !mixture);
  if (top < 0) return null;
  return {
    asOf: backing,
    files: sealed.slice(0, top + 1).map(({ fileId }) => fileId),
    since: detached?.fileId ?? null,
  };
}

async function rangesOf(
  ctx: ProcedureContext,
  instance: InstanceId,
  files: readonly FileId[],
): Promise<(readonly [offset: number, length: number])[]> {
  const ranges: (readonly [number, number])[] = [];
  for (const file of files) {
    for (const [offset, length] of await ctx.files.extents(instance, file)) ranges.push([offset, length]);
  }
  return ranges;
}

const numbersIn = (runs: readonly PieceRun[]): ReadonlySet<number> =>
  new Set(runs.flatMap(([first, count]) => Array.from({ length: count }, (_, i) => first + i)));

function pieceBytesFor(ctx: ProcedureContext, ranges: readonly (readonly [number, number])[]): number {
  const bytes = ranges.reduce((sum, [, length]) => sum + length, 0);
  let pieceBytes = ctx.settings.pieceBytes ?? COMPARED_BYTES;
  while (bytes / pieceBytes > PIECES_AT_MOST) pieceBytes *= 2;
  return pieceBytes;
}

const baseSha256 = async (ctx: ProcedureContext, { base }: ChainRecord): Promise<string | null> =>
  base ? (await ctx.files.baseDigest(base)).sha256 : null;

const sha256 = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();

const put = (writer: ImageWriter, offset: number, bytes: Buffer): Promise<void> =>
  bytes.equals(Buffer.alloc(bytes.length)) ? writer.zero(offset, bytes.length) : writer.write(offset, bytes);

async function withReader(
  ctx: ProcedureContext,
  instance: InstanceId,
  file: FileId,
  work: (reader: ImageReader) => Promise<void>,
): Promise<void> {
  const reader = await ctx.files.openReader(instance, file);
  try {
    await work(reader);
  } finally {
    await reader.close();
  }
}

async function* readPieces(
  reader: ImageReader,
  runs: readonly PieceRun[],
  pieceBytes: number,
  diskBytes: number,
): AsyncGenerator<{ piece: number; bytes: Buffer }> {
  const reads = inOrder(stretches(runs, pieceBytes), PIECES_AHEAD, async ([piece, count]) => {
    const start = piece * pieceBytes;
    const end = Math.min(start + count * pieceBytes, diskBytes);
    return { piece, bytes: await reader.read(start, end - start) };
  });
  for await (const { piece, bytes } of reads) {
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      yield { piece: piece + at / pieceBytes, bytes: bytes.subarray(at, at + pieceBytes) };
    }
  }
}

/** The runs, none longer than what is read in one go. */
function* stretches(runs: readonly PieceRun[], pieceBytes: number): Generator<PieceRun> {
  const atOnce = Math.max(1, Math.floor(PIECE_BYTES / pieceBytes));
  for (const [first, count] of runs) {
    for (let done = 0; done < count; done += atOnce) yield [first + done, Math.min(atOnce, count - done)];
  }
}
