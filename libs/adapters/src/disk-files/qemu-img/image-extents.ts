import { DiskUnsupportedError } from '@varve/core';
import type { Extent } from '@varve/core';
import { z } from 'zod';
import { runTool, THOROUGH } from './tools.js';

/** One entry of `qemu-img map --output=json`. */
const MapEntry = z.object({
  start: z.number().int().nonnegative(),
  length: z.number().int().positive(),
  /** Allocated in the image, be it as zeros. */
  present: z.boolean(),
  zero: z.boolean(),
  data: z.boolean(),
  /** Where the bytes are in the file; absent for zeros and for compressed clusters. */
  offset: z.number().int().nonnegative().optional(),
});
export type MapEntry = z.infer<typeof MapEntry>;

/** How to open a layer alone, whatever its header says of a backing file. */
export const aloneImage = (path: string): string =>
  `json:${JSON.stringify({ driver: 'qcow2', backing: null, file: { driver: 'file', filename: path } })}`;

/** What the layer alone defines. It may be open elsewhere, but not for writing. */
export async function readExtents(path: string): Promise<Extent[]> {
  const text = await runTool('qemu-img', ['map', '--output=json', '--force-share', aloneImage(path)], THOROUGH);
  return extentsOf(z.array(MapEntry).parse(JSON.parse(text)));
}

/**
 * The ranges in which a layer, with all that it stands on, may show anything else than zeros; sorted, without overlap. None
 * of the files may be open for writing.
 */
export async function readShownData(path: string): Promise<[offset: number, length: number][]> {
  const text = await runTool('qemu-img', ['map', '--output=json', '-f', 'qcow2', path], THOROUGH);
  const entries = z.array(MapEntry).parse(JSON.parse(text));
  return entries.filter(({ zero }) => !zero).map(({ start, length }) => [start, length]);
}

/** Neighbouring runs become one when they also lie side by side in the file. */
export function extentsOf(entries: readonly MapEntry[]): Extent[] {
  const extents: [number, number, number][] = [];
  for (const entry of entries) {
    if (!entry.present) continue;
    const fileOffset = entry.zero ? -1 : entry.offset;
    if (fileOffset === undefined) {
      throw new DiskUnsupportedError('disk_chain_unsupported', 'The layer has compressed clusters');
    }
    const last = extents.at(-1);
    if (last && last[0] + last[1] === entry.start && continues(last, fileOffset)) last[1] += entry.length;
    else extents.push([entry.start, entry.length, fileOffset]);
  }
  return extents;
}

/** Whether every byte of `needed` lies in one of `extents`; both sorted, without overlap. */
export function covers(extents: readonly Extent[], needed: readonly Extent[]): boolean {
  let index = 0;
  for (const [start, length] of needed) {
    for (let at = start; at < start + length;) {
      while (index < extents.length && endOf(extents[index]) <= at) index++;
      const extent = extents[index];
      if (!extent || extent[0] > at) return false;
      at = endOf(extent);
    }
  }
  return true;
}

const endOf = (extent: Extent | undefined): number => (extent ? extent[0] + extent[1] : 0);

const continues = ([, length, at]: readonly [number, number, number], fileOffset: number): boolean =>
  at === -1 ? fileOffset === -1 : fileOffset === at + length;
