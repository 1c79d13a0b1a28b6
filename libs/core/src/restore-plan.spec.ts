import { describe, expect, it } from 'vitest';
import type { LayerUid } from './ids.js';
import type { Extent, LayerManifest } from './manifest.js';
import { bytesBySource, ownersOf, planRestore } from './restore-plan.js';

const DISK_BYTES = 48;

/** mulberry32 */
function seededRandom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

function manifest(uid: string, backing: string | null, extents: readonly Extent[]): LayerManifest {
  return {
    uid: uid as LayerUid,
    backing:
      backing === null
        ? { kind: 'base', sha256: '', sizeBytes: 0, format: 'raw' }
        : { kind: 'layer', uid: backing as LayerUid },
    extents,
  } as LayerManifest;
}

/** Random runs, sorted, without overlap, some of zeros, the file's order not always the guest's. */
function randomExtents(random: (below: number) => number): Extent[] {
  const extents: Extent[] = [];
  for (let at = random(6); at < DISK_BYTES; at += random(8)) {
    const length = Math.min(1 + random(6), DISK_BYTES - at);
    extents.push([at, length, random(4) === 0 ? -1 : 1000 * (1 + random(5)) + at]);
    at += length;
  }
  return extents;
}

/** What each byte of the disk is, one by one: `null` for the base image's, else whose and where in its file. */
type Bytes = ({ owner: string; at: number } | null)[];

function bytesOf(lineage: readonly LayerManifest[]): Bytes {
  const disk: Bytes = Array.from({ length: DISK_BYTES }, () => null);
  for (const { uid, extents } of lineage) {
    for (const [start, length, fileOffset] of extents) {
      for (let i = 0; i < length; i++) disk[start + i] = { owner: uid, at: fileOffset < 0 ? -1 : fileOffset + i };
    }
  }
  return disk;
}

/** A tree of layers, as rollbacks and forks make them; gives two of its lineages. */
function randomLineages(seed: number): [LayerManifest[], LayerManifest[]] {
  const random = seededRandom(seed);
  const lineages: LayerManifest[][] = [];
  for (let i = 0; i < 2 + random(6); i++) {
    const below = lineages.length === 0 || random(5) === 0 ? [] : (lineages[random(lineages.length)] ?? []);
    lineages.push([...below, manifest(`L${i}`, below.at(-1)?.uid ?? null, randomExtents(random))]);
  }
  const pick = (): LayerManifest[] => lineages[random(lineages.length)] ?? [];
  return [pick(), random(4) === 0 ? [] : pick()];
}

const SEEDS = Array.from({ length: 500 }, (_, i) => i + 1);

describe('the owners of a disk', () => {
  it('are those that writing the layers one over the other would give, byte by byte', () => {
    for (const seed of SEEDS) {
      const [lineage] = randomLineages(seed);
      const found: Bytes = Array.from({ length: DISK_BYTES }, () => null);
      let end = 0;
      for (const run of ownersOf(lineage)) {
        expect(run.guestOffset, `seed ${seed}: sorted, without overlap`).toBeGreaterThanOrEqual(end);
        expect(run.length).toBeGreaterThan(0);
        end = run.guestOffset + run.length;
        for (let i = 0; i < run.length; i++) {
          found[run.guestOffset + i] = { owner: run.owner, at: run.fileOffset < 0 ? -1 : run.fileOffset + i };
        }
      }
      expect(found, `seed ${seed}`).toEqual(bytesOf(lineage));
    }
  });

  it('are refused when the manifests do not stand on each other', () => {
    const [a, c] = [manifest('a', null, []), manifest('c', 'b', [])];
    expect(() => ownersOf([a, c])).toThrow(expect.objectContaining({ code: 'manifest_unusable' }));
    expect(() => ownersOf([c])).toThrow(expect.objectContaining({ code: 'manifest_unusable' }));
    expect(ownersOf([])).toEqual([]);
  });
});

describe('the plan of a restore', () => {
  it('gives every byte of the target, from the local layers exactly where they hold the same one', () => {
    for (const seed of SEEDS) {
      const [target, local] = randomLineages(seed);
      const [wanted, here] = [bytesOf(target), bytesOf(local)];
      const plan = planRestore(ownersOf(target), ownersOf(local));
      const covered = new Set<number>();
      let end = 0;
      for (const run of plan) {
        expect(run.guestOffset, `seed ${seed}: sorted, without overlap`).toBeGreaterThanOrEqual(end);
        end = run.guestOffset + run.length;
        for (let i = 0; i < run.length; i++) {
          const at = run.guestOffset + i;
          const byte = wanted[at];
          const same = byte && here[at]?.owner === byte.owner && here[at]?.at === byte.at;
          covered.add(at);
          const from = byte?.at === -1 ? 'zero' : same ? 'local' : 'store';
          expect(run.from, `seed ${seed}, byte ${at}`).toBe(from);
          const place = run.from === 'store' ? { owner: run.layer, at: run.fileOffset + i } : byte;
          expect(place, `seed ${seed}, byte ${at}`).toEqual(byte);
        }
      }
      const defined = wanted.flatMap((byte, at) => (byte ? [at] : []));
      expect([...covered], `seed ${seed}: no byte more, none less`).toEqual(defined);
      const bytes = bytesBySource(plan);
      expect(bytes.local + bytes.store + bytes.zero).toBe(defined.length);
    }
  });

  it('fetches nothing for a state that the local layers show', () => {
    for (const seed of SEEDS.slice(0, 100)) {
      const [target] = randomLineages(seed);
      expect(bytesBySource(planRestore(ownersOf(target), ownersOf(target))).store).toBe(0);
    }
  });

  it('makes one run of neighbours that lie side by side in a layer', () => {
    const lineage = [
      manifest('a', null, [
        [0, 4, 100],
        [4, 4, 104],
        [8, 4, 300],
      ]),
    ];
    expect(planRestore(ownersOf(lineage), [])).toEqual([
      { from: 'store', guestOffset: 0, length: 8, layer: 'a', fileOffset: 100 },
      { from: 'store', guestOffset: 8, length: 4, layer: 'a', fileOffset: 300 },
    ]);
  });
});
