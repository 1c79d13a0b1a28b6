import type { ChainLayer, ChainLayerView, ChainView } from '@varve/contracts';
import type { LayerUid } from '@varve/core';
import type { LayerFacts } from './chains.repository.js';
import type { InstanceEntity } from './instance.entity.js';

/** The chain on the host, with what the catalog knows of each layer. */
export function chainView(
  { id, chain, chainAt }: Pick<InstanceEntity, 'id' | 'chain' | 'chainAt'>,
  facts: ReadonlyMap<LayerUid, LayerFacts>,
): ChainView {
  const layers = chain?.layers ?? [];
  const isStored = ({ asOf }: ChainLayer): boolean => asOf !== null && (facts.get(asOf)?.stored ?? false);
  const lastStored = layers.findLastIndex(isStored);
  const view = (layer: ChainLayer, index: number): ChainLayerView => {
    const known = layer.asOf === null ? undefined : facts.get(layer.asOf);
    return {
      role: roleOf(layer, index, { top: layers.length - 1, lastStored }),
      layerUid: layer.asOf,
      stored: known?.stored ?? false,
      snapshotUid: known?.snapshotUid ?? null,
      snapshotName: known?.snapshotName ?? null,
      fileBytes: layer.fileBytes,
      allocatedBytes: layer.allocatedBytes,
    };
  };
  return {
    instanceId: id,
    base: chain?.base ? { name: chain.base.name, sizeBytes: chain.base.sizeBytes } : null,
    layers: layers.map(view),
    observedAt: chainAt?.toISOString() ?? null,
  };
}

/**
 * What the host knows is what was merged; what is stored, the catalog knows. The lowest layer is the history as soon as
 * its state is stored, or one above it: there is nothing that it could be merged into.
 */
function roleOf(
  { merged }: ChainLayer,
  index: number,
  { top, lastStored }: { top: number; lastStored: number },
): ChainLayerView['role'] {
  if (index === top) return 'active';
  return index <= lastStored && (index === 0 || merged > 1) ? 'history' : 'sealed';
}
