import { StoreRefusedError } from '@varve/core';
import { describe, expect, it } from 'vitest';
import { FRAME_BYTES, FRAME_BYTES_AT_MOST } from './frames.js';
import { planParts } from './part-plan.js';

const MIB = 2 ** 20;
const TIB = 2 ** 40;
const options = { preferredBytes: 8 * MIB, partsInFlight: 4, memoryBytes: 96 * MIB };
const S3 = { minBytes: 5 * MIB, maxBytes: 5 * 2 ** 30, maxParts: 10_000 };
const SWIFT = { ...S3, maxParts: 1000 };
const FOLDER = { minBytes: 1, maxBytes: 2 ** 30, maxParts: 1_000_000 };

/** Sizes all over the range, and both sides of every power of two. */
const sizesUpTo = (most: number): number[] => {
  const sizes = [0, 1];
  for (let size = 2; size <= most; size *= 2) sizes.push(size - 1, size, size + 1, Math.floor(size * 1.37));
  return sizes.filter((size) => size <= most);
};

describe.each([
  ['S3', S3, 16 * TIB],
  ['Swift as it comes', SWIFT, 4 * TIB],
  ['a folder', FOLDER, 16 * TIB],
])('parts for %s', (_, limits, most) => {
  it('are never too small, too large or too many', () => {
    for (const size of sizesUpTo(most)) {
      const { partBytes, capacityBytes, buffers } = planParts(size, FRAME_BYTES_AT_MOST, limits, options);
      // Each part but the last is closed at `partBytes` or above.
      expect(Math.ceil(size / partBytes)).toBeLessThanOrEqual(limits.maxParts);
      expect(partBytes).toBeGreaterThanOrEqual(limits.minBytes);
      expect(capacityBytes).toBeLessThanOrEqual(limits.maxBytes);
      expect(capacityBytes - partBytes).toBeGreaterThanOrEqual(FRAME_BYTES);
      expect(buffers).toBeGreaterThanOrEqual(1);
    }
  });

  it('take no more memory than allowed, as long as one part fits', () => {
    for (const size of sizesUpTo(most)) {
      const { capacityBytes, buffers } = planParts(size, FRAME_BYTES_AT_MOST, limits, options);
      expect(buffers * capacityBytes).toBeLessThanOrEqual(Math.max(options.memoryBytes, capacityBytes));
    }
  });
});

describe('parts', () => {
  it('are of the preferred size as long as the layer allows it', () => {
    expect(planParts(70 * 2 ** 30, FRAME_BYTES_AT_MOST, S3, options)).toMatchObject({
      partBytes: 8 * MIB,
      buffers: 5,
    });
  });

  it('are not made for a layer that the store can never hold', () => {
    expect(() => planParts(6 * TIB, FRAME_BYTES_AT_MOST, SWIFT, options)).toThrow(StoreRefusedError);
  });
});
