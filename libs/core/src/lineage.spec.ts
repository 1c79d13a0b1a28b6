import { describe, expect, it } from 'vitest';
import type { LayerUid } from './ids.js';
import { layersOnlyIn, lineageOf } from './lineage.js';

const uids = (text: string): LayerUid[] => Array.from(text) as LayerUid[];
const links = (pairs: Record<string, string | null>): ReadonlyMap<LayerUid, LayerUid | null> =>
  new Map(Object.entries(pairs) as [LayerUid, LayerUid | null][]);

describe('a lineage', () => {
  const forked = links({ a: null, b: 'a', c: 'b', x: 'b', y: 'x', other: null });

  it.each([
    ['a', 'a'],
    ['c', 'abc'],
    ['y', 'abxy'],
  ])('of %s is %s, the one on the base image first', (top, wanted) => {
    expect(lineageOf(top as LayerUid, forked)).toEqual(uids(wanted));
  });

  it('is broken when a layer is unknown', () => {
    const broken = links({ b: 'a', c: 'b' });
    expect(() => lineageOf('c' as LayerUid, broken)).toThrow(expect.objectContaining({ code: 'lineage_broken' }));
  });

  it('is broken when a layer stands on itself', () => {
    const loop = links({ a: 'c', b: 'a', c: 'b' });
    expect(() => lineageOf('c' as LayerUid, loop)).toThrow(expect.objectContaining({ code: 'lineage_broken' }));
  });
});

describe('layers that only one lineage needs', () => {
  it.each([
    ['abc', ['ab'], 'c'],
    ['ab', ['abc'], ''],
    ['abc', [], 'cba'],
    ['abxy', ['abc'], 'yx'],
    ['abc', ['abxy', 'ab'], 'c'],
    ['abc', ['z'], 'cba'],
  ])('of %s beside %j are %j, topmost first', (gone, kept, wanted) => {
    expect(layersOnlyIn(uids(gone), kept.map(uids))).toEqual(uids(wanted));
  });
});
