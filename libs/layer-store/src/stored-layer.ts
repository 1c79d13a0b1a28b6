import type { Extent, LayerManifest } from '@varve/core';
import type { LayerSource, StoredLayer } from '@varve/ports';

/** What the catalog keeps of a layer. */
export function storedLayer(manifest: LayerManifest, manifestKey: string, manifestSha256: string): StoredLayer {
  return {
    uid: manifest.uid,
    backingUid: manifest.backing.kind === 'layer' ? manifest.backing.uid : null,
    baseSha256: manifest.backing.kind === 'base' ? manifest.backing.sha256 : null,
    objectKey: manifest.objectKey,
    manifestKey,
    manifestSha256,
    sha256: manifest.sha256,
    objectBytes: manifest.objectBytes,
    fileBytes: manifest.fileBytes,
    changedBytes: manifest.extents.reduce((sum, [, length]) => sum + length, 0),
    virtualSizeBytes: manifest.virtualSizeBytes,
  };
}

/**
 * What a stored layer and one that is to be stored under the same uid disagree on; `null`: they are the same state of
 * the same disk. Their files need not be laid out alike: one that was merged again after a crash is not.
 */
export function differenceOf(manifest: LayerManifest, source: LayerSource): string | null {
  if (manifest.instanceId !== source.instanceId || manifest.projectId !== source.projectId) return 'owner';
  if (JSON.stringify(sorted(manifest.backing)) !== JSON.stringify(sorted(source.backing))) return 'backing layer';
  if (manifest.virtualSizeBytes !== source.virtualSizeBytes) return 'virtual size';
  if (manifest.sealedAt !== source.sealedAt) return 'moment of sealing';
  return sameGuestRanges(manifest.extents, source.extents) ? null : 'set of guest ranges';
}

const sorted = (record: object): unknown => Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));

/** Extents may be cut differently where the file is laid out differently. */
function sameGuestRanges(a: readonly Extent[], b: readonly Extent[]): boolean {
  const left = guestRanges(a);
  const right = guestRanges(b);
  return left.length === right.length && left.every((value, i) => value === right[i]);
}

/** Beginnings and ends of the guest ranges that are defined, those that touch as one. */
function guestRanges(extents: readonly Extent[]): number[] {
  const bounds: number[] = [];
  for (const [offset, length] of extents) {
    if (bounds.at(-1) === offset) bounds.pop();
    else bounds.push(offset);
    bounds.push(offset + length);
  }
  return bounds;
}
