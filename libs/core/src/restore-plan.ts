import { ManifestUnusableError } from './errors.js';
import type { LayerUid } from './ids.js';
import type { LayerManifest } from './manifest.js';

/** A run of guest bytes and the layer whose version of it counts, i.e. the newest that defines it. */
export interface OwnedRun {
  readonly guestOffset: number;
  readonly length: number;
  readonly owner: LayerUid;
  /** Offset in the owner's plain layer file; -1 for zeros. */
  readonly fileOffset: number;
}

/** Where the bytes of a run of the restored layer come from. */
export type RestoreRun =
  | { readonly from: 'local' | 'zero'; readonly guestOffset: number; readonly length: number }
  | {
      readonly from: 'store';
      readonly guestOffset: number;
      readonly length: number;
      readonly layer: LayerUid;
      readonly fileOffset: number;
    };
/**
 * The newest owner of every guest range, from manifests alone.
 *
 * Walks the layers from the newest to the oldest and gives each only what is still free, so its cost is that of
 * sorting all extents once.
 *
 * @param lineage - manifests, lowest layer first
 * @returns sorted by guest offset, without overlap
 * @throws {ManifestUnusableError} the layers disagree on the backing links
 */
export function ownersOf(lineage: readonly LayerManifest[]): OwnedRun[] {
  lineage.forEach((manifest, i) => {
    const below = lineage[i - 1];
    const backing = manifest.backing.kind === 'layer' ? manifest.backing.uid : null;
    if (backing !== (below?.uid ?? null)) throw new ManifestUnusableError(manifest.uid, 'its backing layer is another');
  });
  let owned: OwnedRun[] = [];
  for (const manifest of [...lineage].reverse()) owned = fillGaps(owned, manifest);
  return owned;
}

/** Both sorted; gives `owned` with its gaps filled from the manifest's extents. */
function fillGaps(owned: readonly OwnedRun[], manifest: LayerManifest): OwnedRun[] {
  const merged: OwnedRun[] = [];
  let next = 0;
  const takeOwnedUpTo = (offset: number): void => {
    for (let run = owned[next]; run && run.guestOffset < offset; run = owned[++next]) merged.push(run);
  };
  for (const [guestOffset, length, fileOffset] of manifest.extents) {
    const end = guestOffset + length;
    takeOwnedUpTo(guestOffset);
    let at = Math.max(guestOffset, endOf(merged.at(-1)));
    while (at < end) {
      const above = owned[next];
      const stop = Math.min(end, above?.guestOffset ?? end);
      if (stop > at) {
        merged.push({
          guestOffset: at,
          length: stop - at,
          owner: manifest.uid,
          fileOffset: fileOffset < 0 ? -1 : fileOffset + (at - guestOffset),
        });
      }
      if (!above || above.guestOffset >= end) break;
      merged.push(above);
      next++;
      at = endOf(above);
    }
  }
  takeOwnedUpTo(Infinity);
  return merged;
}

const endOf = (run: OwnedRun | undefined): number => (run ? run.guestOffset + run.length : 0);

/**
 * Plans the one layer file that, on the base image, shows the target's state.
 *
 * @param target - owners of the state to go back to
 * @param local - owners of the state that the host's own sealed layers show; empty when nothing local can be used
 * @returns sorted runs that cover exactly what `target` defines. A run is local where the same layer's version counts
 *   in both states, since then the local layers hold the very same bytes.
 */
export function planRestore(target: readonly OwnedRun[], local: readonly OwnedRun[]): RestoreRun[] {
  const runs: RestoreRun[] = [];
  const add = (run: RestoreRun): void => {
    const last = runs.at(-1);
    if (last && mergesWith(last, run)) runs[runs.length - 1] = { ...last, length: last.length + run.length };
    else runs.push(run);
  };
  let next = 0;
  for (const { guestOffset, length, owner, fileOffset } of target) {
    if (fileOffset < 0) {
      add({ from: 'zero', guestOffset, length });
      continue;
    }
    const end = guestOffset + length;
    for (let at = guestOffset; at < end;) {
      while (local[next] && endOf(local[next]) <= at) next++;
      const here = local[next];
      const covered = here !== undefined && here.guestOffset <= at;
      const stop = Math.min(end, here === undefined ? end : covered ? endOf(here) : here.guestOffset);
      const same = covered && here.owner === owner && here.fileOffset === fileOffset + here.guestOffset - guestOffset;
      add(
        same
          ? { from: 'local', guestOffset: at, length: stop - at }
          : {
              from: 'store',
              guestOffset: at,
              length: stop - at,
              layer: owner,
              fileOffset: fileOffset + at - guestOffset,
            },
      );
      at = stop;
    }
  }
  return runs;
}

function mergesWith(a: RestoreRun, b: RestoreRun): boolean {
  if (a.from !== b.from || a.guestOffset + a.length !== b.guestOffset) return false;
  return a.from !== 'store' || (b.from === 'store' && a.layer === b.layer && a.fileOffset + a.length === b.fileOffset);
}

/** How many plain bytes of guest data a plan takes from each place. */
export function bytesBySource(plan: readonly RestoreRun[]): Record<RestoreRun['from'], number> {
  const bytes = { local: 0, zero: 0, store: 0 };
  for (const run of plan) bytes[run.from] += run.length;
  return bytes;
}
