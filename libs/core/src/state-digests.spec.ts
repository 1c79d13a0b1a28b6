import { describe, expect, it } from 'vitest';
import type { LayerUid } from './ids.js';
import { digestsInOrder, piecesIn } from './state-digests.js';
import type { StateDigests } from './state-digests.js';

describe('the pieces in ranges', () => {
  it('are all that any range touches, joined where they adjoin or overlap', () => {
    expect(piecesIn([], 10)).toEqual([]);
    expect(piecesIn([[0, 0]], 10)).toEqual([]);
    expect(piecesIn([[9, 1]], 10)).toEqual([[0, 1]]);
    expect(piecesIn([[9, 2]], 10)).toEqual([[0, 2]]);
    expect(
      piecesIn(
        [
          [70, 10],
          [0, 25],
          [30, 5],
          [12, 3],
          [72, 1],
        ],
        10,
      ),
    ).toEqual([
      [0, 4],
      [7, 1],
    ]);
  });
});

describe('the digest of a piece', () => {
  const digests: StateDigests = {
    asOf: 'x' as LayerUid,
    baseSha256: null,
    virtualSizeBytes: 100,
    pieceBytes: 10,
    pieces: [
      [1, 2],
      [5, 1],
    ],
    sha256: Buffer.concat([1, 2, 3].map((value) => Buffer.alloc(32, value))),
  };
  const all = (pieces: readonly number[]) => {
    const of = digestsInOrder(digests);
    return pieces.map((piece) => of(piece)?.[0] ?? null);
  };

  it('is found in rising order, with gaps or without', () => {
    expect(all([0, 1, 2, 3, 4, 5, 6, 9])).toEqual([null, 1, 2, null, null, 3, null, null]);
    expect(all([2, 5])).toEqual([2, 3]);
    expect(all([5])).toEqual([3]);
    expect(all([6])).toEqual([null]);
  });
});
