import type { LayerManifest } from '@varve/core';
import { describe, expect, it } from 'vitest';
import { FRAME_BYTES, ZEROS_SHA256 } from './frames.js';
import { framesOf, planFetches } from './read-plan.js';

/** Frames of 100 bytes each, but those named hold zeros and have 10. */
function manifestWith(count: number, zeros: readonly number[] = []): LayerManifest {
  let offset = 0;
  const frames = Array.from({ length: count }, (_, i) => {
    const length = zeros.includes(i) ? 10 : 100;
    const frame = { offset, length, sha256: zeros.includes(i) ? ZEROS_SHA256 : `data ${i}` };
    offset += length;
    return frame;
  });
  return { uid: 'uid', frames, fileBytes: count * FRAME_BYTES } as unknown as LayerManifest;
}
const frame = (index: number, length = FRAME_BYTES) => ({ fileOffset: index * FRAME_BYTES, length });

describe('frames of runs', () => {
  it.each([
    ['none', [], []],
    ['an empty run', [{ fileOffset: 5, length: 0 }], []],
    ['a byte', [{ fileOffset: FRAME_BYTES - 1, length: 1 }], [0]],
    ['a byte on each side of a border', [{ fileOffset: FRAME_BYTES - 1, length: 2 }], [0, 1]],
    [
      'many runs in a frame',
      [
        { fileOffset: 1, length: 2 },
        { fileOffset: 9, length: 2 },
      ],
      [0],
    ],
    [
      'runs that share a frame',
      [
        { fileOffset: 1, length: FRAME_BYTES },
        { fileOffset: FRAME_BYTES + 9, length: FRAME_BYTES },
      ],
      [0, 1, 2],
    ],
    ['runs apart', [frame(1), frame(5, 1)], [1, 5]],
  ])('%s', (_, runs, expected) => {
    expect([...framesOf(runs)]).toEqual(expected);
  });
});

describe('fetches', () => {
  it('join frames that follow each other, but not too many', () => {
    expect(planFetches(manifestWith(20), [frame(1, 18 * FRAME_BYTES)])).toEqual([
      { firstFrame: 1, frames: 8, offset: 100, length: 800 },
      { firstFrame: 9, frames: 8, offset: 900, length: 800 },
      { firstFrame: 17, frames: 2, offset: 1700, length: 200 },
    ]);
  });

  it('pass over what nobody asked for, and over zeros', () => {
    expect(planFetches(manifestWith(10, [2, 3, 9]), [frame(0, 5 * FRAME_BYTES), frame(7, 3 * FRAME_BYTES)])).toEqual([
      { firstFrame: 0, frames: 2, offset: 0, length: 200 },
      { firstFrame: 4, frames: 1, offset: 220, length: 100 },
      { firstFrame: 7, frames: 2, offset: 520, length: 200 },
    ]);
  });

  it('are none for zeros alone', () => {
    expect(planFetches(manifestWith(3, [0, 1, 2]), [frame(0, 3 * FRAME_BYTES)])).toEqual([]);
  });
});
