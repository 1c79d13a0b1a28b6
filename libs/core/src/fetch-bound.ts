import type { LayerUid } from './ids.js';

/** A stored layer, by what the catalog knows of it. */
export interface LayerSize {
  readonly uid: LayerUid;
  /** In the object store. */
  readonly objectBytes: number;
  /** Of the guest, that it defines. */
  readonly changedBytes: number;
}

/** The smallest piece of guest data that a layer defines on its own: a subcluster of 64 KiB clusters; bytes. */
const PIECE_BYTES = 2048;
/** A frame, which is fetched as a whole, holds 1 MiB of a layer; what can't be compressed gains a little. Bytes. */
const FRAME_BYTES = (1 << 20) + (1 << 14);

/**
 * How many bytes a rollback fetches from the store, at most. Which ones it really needs is said by manifests, which the
 * catalog has not.
 *
 * A layer that the state on the host is not made of has to be fetched, as a whole at worst. Of one that both states are
 * made of, only that which layers above it on the host have written over is not on the host any more: nothing where
 * there are none, and at worst one frame for each piece that those define.
 *
 * @param target - what the state to go back to is made of, lowest layer first
 * @param local - the same of the state that the host's sealed layers show; empty: nothing there can be used
 */
export function mostFetched(target: readonly LayerSize[], local: readonly LayerSize[]): number {
  const objects = (layers: readonly LayerSize[]): number => layers.reduce((sum, one) => sum + one.objectBytes, 0);
  const parting = target.findIndex((layer, index) => layer.uid !== local[index]?.uid);
  const shared = parting < 0 ? target.length : parting;
  const lost = local.slice(shared).reduce((sum, one) => sum + one.changedBytes, 0);
  const framesLost = Math.ceil(lost / PIECE_BYTES);
  return objects(target.slice(shared)) + Math.min(objects(target.slice(0, shared)), framesLost * FRAME_BYTES);
}
