import { describe, expect, it } from 'vitest';
import { mostFetched } from './fetch-bound.js';
import type { LayerSize } from './fetch-bound.js';
import type { LayerUid } from './ids.js';

const GIB = 2 ** 30;
const layer = (uid: string, objectBytes = GIB, changedBytes = objectBytes): LayerSize => ({
  uid: uid as LayerUid,
  objectBytes,
  changedBytes,
});
const [a, b, c, d] = [layer('a'), layer('b'), layer('c'), layer('d')];

describe('what a rollback fetches at most', () => {
  it.each([
    ['nothing, where the host shows that very state', [a, b], [a, b], 0],
    ['all of it, where nothing local can be used', [a, b], [], 2 * GIB],
    ['the layers above, where the host shows a state below', [a, b, c], [a], 2 * GIB],
    ['all, where much was written over since', [a, b], [a, b, c], 2 * GIB],
    ['another branch, and what was written over on this one', [a, b, d], [a, b, c], 3 * GIB],
    ['what has nothing in common', [a, b], [c, d], 2 * GIB],
  ])('is %s', (_, target, local, bytes) => {
    expect(mostFetched(target, local)).toBe(bytes);
  });

  it('is a frame for each piece that was written over since, where those are few', () => {
    const few = layer('few', 100, 3 * 2048);
    expect(mostFetched([a, b], [a, b, few])).toBe(3 * (2 ** 20 + 2 ** 14));
    expect(mostFetched([a, b, c], [a, b, few])).toBe(GIB + 3 * (2 ** 20 + 2 ** 14));
    expect(mostFetched([a], [a, layer('empty', 100, 0)])).toBe(0);
  });
});
