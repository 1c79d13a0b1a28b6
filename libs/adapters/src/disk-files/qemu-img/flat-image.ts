import type { FlatImage, ImageReader } from '@varve/ports';
import { readShownData } from './image-extents.js';
import { openNbdReader } from './nbd-image.js';
import { CLUSTER_BYTES, layOut } from './qcow2-layout.js';
import type { ClusterRun } from './qcow2-layout.js';
import { readQcow2Header } from './qcow2-header.js';

/** What is read at once; whole clusters. */
const PIECE_BYTES = 2 ** 22;

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
      for (const [first, count] of runs) {
        yield* clusters(reader, first * CLUSTER_BYTES, (first + count) * CLUSTER_BYTES, virtualSizeBytes);
      }
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

/** Whole clusters; what lies beyond the disk's end is zeros. */
async function* clusters(reader: ImageReader, from: number, to: number, diskBytes: number): AsyncGenerator<Buffer> {
  for (let at = from; at < to; at += PIECE_BYTES) {
    const end = Math.min(at + PIECE_BYTES, to);
    const bytes = await reader.read(at, Math.min(end, diskBytes) - at);
    yield end <= diskBytes ? bytes : Buffer.concat([bytes, Buffer.alloc(end - diskBytes)]);
  }
}

async function* rawContent(
  reader: ImageReader,
  runs: readonly ClusterRun[],
  diskBytes: number,
): AsyncGenerator<Buffer> {
  let at = 0;
  for (const [first, count] of runs) {
    yield* zeros(first * CLUSTER_BYTES - at);
    at = Math.min((first + count) * CLUSTER_BYTES, diskBytes);
    yield* clusters(reader, first * CLUSTER_BYTES, at, diskBytes);
  }
  yield* zeros(diskBytes - at);
}

function* zeros(length: number): Iterable<Buffer> {
  const piece = Buffer.alloc(Math.min(length, PIECE_BYTES));
  for (let left = length; left > 0; left -= piece.length) yield piece.subarray(0, Math.min(left, piece.length));
}
