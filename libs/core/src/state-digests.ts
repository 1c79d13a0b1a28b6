import type { LayerUid } from './ids.js';

/** Adjoining pieces of a disk, by number: `[first, count]`. */
export type PieceRun = readonly [first: number, count: number];

/**
 * What a stored state of the disk reads, piece by piece: enough to tell what of another file differs from it, when no
 * file shows that state any more.
 */
export interface StateDigests {
  readonly asOf: LayerUid;
  /** Of the base image that the state stands on; `null`: on none. */
  readonly baseSha256: string | null;
  readonly virtualSizeBytes: number;
  /** Length of a piece; only the disk's last one may be shorter. */
  readonly pieceBytes: number;
  /** The pieces of which the state's layers define anything; all others read as the base image. Sorted, apart. */
  readonly pieces: readonly PieceRun[];
  /** Of what the guest reads there: 32 bytes for each piece, in order. */
  readonly sha256: Buffer;
}

export const DIGEST_BYTES = 32;

/**
 * @param ranges - guest offset and length, in bytes; in any order, overlapping or not
 * @returns every piece that one of them touches
 */
export function piecesIn(ranges: readonly (readonly [number, number, ...unknown[]])[], pieceBytes: number): PieceRun[] {
  const touched = ranges
    .filter(([, length]) => length > 0)
    .map(([offset, length]) => [Math.floor(offset / pieceBytes), Math.ceil((offset + length) / pieceBytes)] as const)
    .sort(([a], [b]) => a - b);
  const runs: [number, number][] = [];
  for (const [first, end] of touched) {
    const last = runs.at(-1);
    if (last && first <= last[0] + last[1]) last[1] = Math.max(last[1], end - last[0]);
    else runs.push([first, end - first]);
  }
  return runs;
}

/** @returns a look-up for pieces in rising order; `null`: the state defines nothing there */
export function digestsInOrder({ pieces, sha256 }: StateDigests): (piece: number) => Buffer | null {
  let run = 0;
  let before = 0;
  return (piece) => {
    for (let here = pieces[run]; here && here[0] + here[1] <= piece; here = pieces[++run]) before += here[1];
    const here = pieces[run];
    if (!here || piece < here[0]) return null;
    const at = (before + piece - here[0]) * DIGEST_BYTES;
    return sha256.subarray(at, at + DIGEST_BYTES);
  };
}
