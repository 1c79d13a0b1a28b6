import { LineageBrokenError } from './errors.js';
import type { LayerUid } from './ids.js';

/** The layers one restore point is made of: the one that stands on the base image first, the one sealed for it last. */
export type Lineage = readonly LayerUid[];

/**
 * Follows the backing links from `top` down.
 *
 * @param backingOf - every known layer's backing uid; `null` for a layer that stands on the base image
 * @throws {LineageBrokenError} a layer is unknown, or the links form a loop
 */
export function lineageOf(top: LayerUid, backingOf: ReadonlyMap<LayerUid, LayerUid | null>): Lineage {
  const downwards: LayerUid[] = [];
  const seen = new Set<LayerUid>();
  for (let uid: LayerUid | null = top; uid !== null;) {
    const backing = backingOf.get(uid);
    if (backing === undefined || seen.has(uid)) throw new LineageBrokenError(uid);
    seen.add(uid);
    downwards.push(uid);
    uid = backing;
  }
  return downwards.reverse();
}

/**
 * The layers that only `gone` needs, topmost first: deleting in this order never leaves an overlay without its
 * backing layer. A layer outlives its own restore point for as long as another lineage is stacked on it.
 */
export function layersOnlyIn(gone: Lineage, kept: readonly Lineage[]): LayerUid[] {
  const needed = new Set(kept.flat());
  return gone.filter((layer) => !needed.has(layer)).reverse();
}
