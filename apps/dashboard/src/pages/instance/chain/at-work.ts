import type { ChainView, OperationView } from '@varve/contracts';

type Work = Pick<OperationView, 'state' | 'phase' | 'doneBytes' | 'totalBytes'>;

/** What an operation does to a layer now. */
export interface AtWork {
  readonly what: 'capturing' | 'uploading' | 'merging';
  /** Of 100; `null`: nobody knows. */
  readonly percent: number | null;
}

/**
 * Which layers an operation works on now, by their index.
 *
 * Sealed is the active layer; uploaded the newest sealed one that is not stored yet; merged are the lowest sealed one and
 * the history layer that it stands on.
 */
export function atWork(layers: ChainView['layers'], operation: Work | null): ReadonlyMap<number, AtWork> {
  const found = new Map<number, AtWork>();
  if (!operation || operation.state !== 'running') return found;
  const { phase, doneBytes, totalBytes } = operation;
  const percent = totalBytes > 0 ? Math.min(100, Math.floor((100 * doneBytes) / totalBytes)) : null;
  const below = layers.map((layer, index) => ({ ...layer, index })).filter(({ role }) => role !== 'active');
  switch (phase) {
    case 'capturing':
      if (layers.length > 0) found.set(layers.length - 1, { what: 'capturing', percent: null });
      break;
    case 'uploading': {
      const unstored = below.findLast(({ stored }) => !stored);
      if (unstored) found.set(unstored.index, { what: 'uploading', percent });
      break;
    }
    case 'merging': {
      const sealed = below.find(({ role }) => role === 'sealed');
      const history = below.findLast(({ role }) => role === 'history');
      for (const layer of [history, sealed]) if (layer) found.set(layer.index, { what: 'merging', percent });
      break;
    }
    case 'queued':
    case 'fetching':
    case 'restoring':
    case 'finishing':
      break;
  }
  return found;
}
