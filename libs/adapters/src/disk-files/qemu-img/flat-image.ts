import { inOrder } from '@varve/core';
import type { FlatImage, ImageReader } from '@varve/ports';
import { readShownData } from './image-extents.js';
import { openNbdReader } from './nbd-image.js';
import { CLUSTER_BYTES, layOut } from './qcow2-layout.js';
import type { ClusterRun } from './qcow2-layout.js';
import { readQcow2Header } from './qcow2-header.js';

/** What is read in one go, and how many of them beside the one that is waited for; whole clusters. */
const PIECE_BYTES = 2 ** 20;
const PIECES_AHEAD = 8;

/** What a layer shows through all that it stands on; nobody may write to any of it meanwhile. */
export async function openFlatImage(path: string, format: 'qcow2' | 'raw'): Promise<FlatImage> {
  const { virtualSizeBytes } = await readQcow2Header(path);
  const runs = clusterRuns(await readShownData(path));
  const reader = await openNbdReader(path);
  const close = (): Promise<void> => reader.close();
  if (format === 'raw') {
    return { sizeBytes: virtualSizeBytes, content: () => rawContent(reader, runs, virtualSizeBytes), close };
  }
  const layout = layOut(virtualSizeBytes, runs);
  return {
    sizeBytes: layout.sizeBytes,
    content: async function* () {
      yield* layout.tables();
      yield* qcow2Content(reader, runs, virtualSizeBytes);
    },
    close,
  };
}

/** The clusters that the ranges touch, neighbours as one run. */
export function clusterRuns(ranges: readonly (readonly [offset: number, length: number])[]): ClusterRun[] {
  const runs: [number, number][] = [];
  for (const [offset, length] of ranges) {
    const [first, end] = [Math.floor(offset / CLUSTER_BYTES), Math.ceil((offset + length) / CLUSTER_BYTES)];
    const last = runs.at(-1);
    if (last && last[0] + last[1] >= first) last[1] = Math.max(last[1], end - last[0]);
    else runs.push([first, end - first]);
  }
  return runs;
}

/** Read ahead, and given in their order; none reaches beyond the disk's end. */
function readPieces(
  reader: ImageReader,
  runs: readonly ClusterRun[],
  diskBytes: number,
): AsyncGenerator<{ start: number; bytes: Buffer }> {
  return inOrder(piecesOf(runs), PIECES_AHEAD, async ([start, end]) => {
    return { start, bytes: await reader.read(start, Math.min(end, diskBytes) - start) };
  });
}

function* piecesOf(runs: readonly ClusterRun[]): Generator<[start: number, end: number]> {
  for (const [first, count] of runs) {
    const end = (first + count) * CLUSTER_BYTES;
    for (let at = first * CLUSTER_BYTES; at < end; at += PIECE_BYTES) yield [at, Math.min(at + PIECE_BYTES, end)];
  }
}

/** Whole clusters; what lies beyond the disk's end is zeros. */
async function* qcow2Content(
  reader: ImageReader,
  runs: readonly ClusterRun[],
  diskBytes: number,
): AsyncGenerator<Buffer> {
  for await (const { bytes } of readPieces(reader, runs, diskBytes)) {
    yield bytes;
    yield* zeros(-bytes.length & (CLUSTER_BYTES - 1));
  }
}

async function* rawContent(
  reader: ImageReader,
  runs: readonly ClusterRun[],
  diskBytes: number,
): AsyncGenerator<Buffer> {
  let at = 0;
  for await (const { start, bytes } of readPieces(reader, runs, diskBytes)) {
    yield* zeros(start - at);
    yield bytes;
    at = start + bytes.length;
  }
  yield* zeros(diskBytes - at);
}

function* zeros(length: number): Iterable<Buffer> {
  const piece = Buffer.alloc(Math.min(length, PIECE_BYTES));
  for (let left = length; left > 0; left -= piece.length) yield piece.subarray(0, Math.min(left, piece.length));
}
