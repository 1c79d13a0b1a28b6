import { StoreRefusedError } from '@varve/core';
import type { ObjectStore } from '@varve/ports';

export interface PartPlan {
  /** A part is closed when it has that many bytes; the frame that filled it up may have carried it over. */
  readonly partBytes: number;
  /** What a part can have at most. */
  readonly capacityBytes: number;
  /** Parts in memory at once: being filled, or being sent. */
  readonly buffers: number;
}

/**
 * The size of an object's parts, from what the object can have at most.
 *
 * All parts but the last have at least `partBytes`, so there are never more than the store allows.
 *
 * @param frameBytes - the most that a part can be over `partBytes`
 * @param memoryBytes - for all buffers; a part that is larger by itself still gets one
 * @throws {StoreRefusedError} the store can't hold an object of that size
 */
export function planParts(
  objectBytesAtMost: number,
  frameBytes: number,
  limits: ObjectStore['partLimits'],
  options: { preferredBytes: number; partsInFlight: number; memoryBytes: number },
): PartPlan {
  const partBytes = Math.max(
    limits.minBytes,
    Math.min(options.preferredBytes, limits.maxBytes - frameBytes),
    Math.ceil(objectBytesAtMost / limits.maxParts),
  );
  const capacityBytes = partBytes + frameBytes;
  if (capacityBytes > limits.maxBytes) {
    throw new StoreRefusedError('The layer is larger than the largest object that this store takes', {
      layerBytes: String(objectBytesAtMost),
      largestBytes: String((limits.maxBytes - frameBytes) * limits.maxParts),
    });
  }
  const affordable = Math.floor(options.memoryBytes / capacityBytes);
  return { partBytes, capacityBytes, buffers: Math.max(1, Math.min(options.partsInFlight + 1, affordable)) };
}
