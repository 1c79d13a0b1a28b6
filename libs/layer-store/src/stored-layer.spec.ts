import type { Extent, InstanceId, LayerManifest, LayerUid, ProjectId } from '@varve/core';
import type { LayerSource } from '@varve/ports';
import { describe, expect, it } from 'vitest';
import { differenceOf } from './stored-layer.js';

const common = {
  uid: 'uid' as LayerUid,
  instanceId: 'instance' as InstanceId,
  projectId: 'project' as ProjectId,
  virtualSizeBytes: 1000,
  sealedAt: '2026-11-22T12:00:00Z',
};
const stored = {
  ...common,
  backing: { kind: 'base', sha256: 'x', sizeBytes: 1, format: 'raw' },
  extents: [
    [0, 100, 0],
    [100, 50, 700],
    [400, 10, -1],
  ],
} as unknown as LayerManifest;
const source = (changes: Partial<LayerSource>): LayerSource => ({ ...stored, path: '/x', ...changes });
const extents = (...list: Extent[]): Partial<LayerSource> => ({ extents: list });

describe('a layer that is to be stored under a uid that is taken', () => {
  it.each<[string, Partial<LayerSource>, string | null]>([
    ['the same', {}, null],
    ['its file laid out differently', extents([0, 150, 9000], [400, 4, 1], [404, 6, 80]), null],
    [
      'the backing’s fields in another order',
      { backing: { format: 'raw', sizeBytes: 1, sha256: 'x', kind: 'base' } },
      null,
    ],
    ['another range', extents([0, 151, 9000], [400, 10, 1]), 'set of guest ranges'],
    ['a range less', extents([0, 150, 9000]), 'set of guest ranges'],
    ['another backing', { backing: { kind: 'none' } }, 'backing layer'],
    ['another owner', { projectId: 'other' as ProjectId }, 'owner'],
    ['another moment', { sealedAt: '2026-11-22T12:00:01Z' }, 'moment of sealing'],
    ['another size', { virtualSizeBytes: 2000 }, 'virtual size'],
  ])('%s', (_, changes, difference) => {
    expect(differenceOf(stored, source(changes))).toBe(difference);
  });
});
