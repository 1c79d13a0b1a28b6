import { describe, expect, it } from 'vitest';
import {
  activeOf,
  assertChainLength,
  assertRoomForOneMore,
  filesNeededBy,
  isPinned,
  judge,
  sealedOf,
} from './chain.js';
import type { ChainRecord, DetachedLayer, LayerFile } from './chain.js';
import type { FileId, InstanceId, LayerUid, OperationId } from './ids.js';

const file = (name: string, asOf: string | null = name): LayerFile => ({
  fileId: `file ${name}` as FileId,
  asOf: asOf as LayerUid | null,
  layers: asOf === null ? [] : [asOf as LayerUid],
  inode: `8:${name}`,
});
const detached = (asOf: string, backing: string | null): DetachedLayer => ({
  fileId: `detached ${asOf}` as FileId,
  asOf: asOf as LayerUid,
  backing: backing as LayerUid | null,
});
const record = (fields: Partial<ChainRecord>): ChainRecord => ({
  version: 1,
  instanceId: 'i' as InstanceId,
  base: { path: '/base', format: 'raw' },
  virtualSizeBytes: 1 << 20,
  files: [file('active', null)],
  detached: null,
  safety: null,
  transient: [],
  ...fields,
});

describe('judging the last snapshots', () => {
  interface Case {
    what: string;
    sealed: string[];
    stored: string[];
    detached?: DetachedLayer;
    backing: string | null;
    failed: string[];
    keepsDetached?: boolean;
  }
  const cases: Case[] = [
    { what: 'a first snapshot stands on the base image', sealed: ['A'], stored: [], backing: null, failed: ['A'] },
    { what: 'the last one succeeded', sealed: ['H', 'A'], stored: ['H'], backing: 'H', failed: ['A'] },
    { what: 'the last one failed', sealed: ['H', 'F', 'A'], stored: ['H'], backing: 'H', failed: ['F', 'A'] },
    { what: 'all failed so far', sealed: ['F', 'A'], stored: [], backing: null, failed: ['F', 'A'] },
    { what: 'nothing is owed', sealed: ['H', 'A'], stored: ['H', 'A'], backing: 'A', failed: [] },
    {
      what: 'a stored layer above one that failed settles that one too',
      sealed: ['H', 'F', 'B', 'A'],
      stored: ['H', 'B'],
      backing: 'B',
      failed: ['A'],
    },
    {
      what: 'layers of other branches count for nothing',
      sealed: ['H', 'A'],
      stored: ['H', 'abandoned', 'fork'],
      backing: 'H',
      failed: ['A'],
    },
    {
      what: 'an abandoned branch alone is stored',
      sealed: ['A'],
      stored: ['abandoned'],
      backing: null,
      failed: ['A'],
    },
    {
      what: 'what was folded away stands for the layer that holds it, and on what was stored then',
      sealed: ['boot', 'F', 'A'],
      stored: ['boot', 'H'],
      detached: detached('F', 'H'),
      backing: 'H',
      failed: ['A'],
      keepsDetached: true,
    },
    {
      what: 'what was folded away is all that is owed',
      sealed: ['boot', 'F'],
      stored: ['boot', 'H'],
      detached: detached('F', 'H'),
      backing: 'H',
      failed: [],
      keepsDetached: true,
    },
    {
      what: 'what was folded away stands on the base image',
      sealed: ['F', 'A'],
      stored: [],
      detached: detached('F', null),
      backing: null,
      failed: ['A'],
      keepsDetached: true,
    },
    {
      what: 'what was folded away has been stored since',
      sealed: ['boot', 'F', 'A'],
      stored: ['boot', 'F'],
      detached: detached('F', 'H'),
      backing: 'F',
      failed: ['A'],
    },
    {
      what: 'what was folded away was merged on with another one that failed',
      sealed: ['boot', 'G'],
      stored: ['boot'],
      detached: detached('F', 'H'),
      backing: 'boot',
      failed: ['G'],
    },
  ];

  it.each(cases)('$what', ({ sealed, stored, detached: beside, backing, failed, keepsDetached }) => {
    const judged = judge(
      sealed.map((name) => file(name)),
      beside ?? null,
      new Set(stored as LayerUid[]),
    );
    expect(judged.backing).toBe(backing);
    expect(judged.failed.map(({ asOf }) => asOf)).toEqual(failed);
    expect(judged.detached).toEqual(keepsDetached ? beside : null);
  });
});

describe('a chain record', () => {
  const [history, sealed, active] = [file('H'), file('A'), file('active', null)];
  const full = record({
    files: [history, sealed, active],
    detached: detached('F', 'H'),
    safety: {
      operationId: 'o' as OperationId,
      files: [history, file('old')],
      detached: detached('G', null),
      createdAt: '2026-01-01T00:00:00Z',
    },
    transient: ['making' as FileId],
  });

  it('has the active layer last', () => {
    expect(activeOf(full)).toBe(active);
    expect(sealedOf(full)).toEqual([history, sealed]);
    expect(() => activeOf(record({ files: [] }))).toThrow(/at least one own layer/);
  });

  it('needs the chain, what a rollback set aside and what is still to be uploaded, but not what was being made', () => {
    expect([...filesNeededBy(full)].sort()).toEqual(
      ['detached F', 'detached G', 'file A', 'file H', 'file active', 'file old'].sort(),
    );
  });

  it('pins only what a rollback set aside', () => {
    const pinned = ['file H', 'file old', 'detached G', 'file A', 'detached F'].filter((id) =>
      isPinned(full, id as FileId),
    );
    expect(pinned).toEqual(['file H', 'file old', 'detached G']);
    expect(isPinned(record({}), 'file active' as FileId)).toBe(false);
  });

  it('never has more than four layers of its own', () => {
    const layers = (count: number): LayerFile[] => Array.from({ length: count }, (_, i) => file(String(i)));
    expect(() => assertRoomForOneMore(layers(3))).not.toThrow();
    expect(() => assertRoomForOneMore(layers(4))).toThrow(expect.objectContaining({ code: 'chain_full' }));
    expect(() => assertChainLength(layers(4))).not.toThrow();
    expect(() => assertChainLength(layers(5))).toThrow(expect.objectContaining({ code: 'chain_full' }));
  });
});
