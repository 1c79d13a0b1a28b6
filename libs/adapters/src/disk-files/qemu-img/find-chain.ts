import { lstat } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { ChainDivergedError, DiskUnsupportedError, LayersGoneError } from '@varve/core';
import type { BaseImage, FileId, InstanceId } from '@varve/core';
import type { FoundLayer } from '@varve/ports';
import { ifThere, inodeOf } from './durable.js';
import type { InstanceFiles } from './instance-files.js';
import { readQcow2Header } from './qcow2-header.js';

export interface FoundChain {
  /** Active layer first. */
  readonly layers: FoundLayer[];
  readonly base: BaseImage | null;
}

/** @throws {LayersGoneError} one of its own layers is not here */
export async function findChain(files: InstanceFiles, instance: InstanceId): Promise<FoundChain> {
  const found = await findLayers(files, instance);
  if (found.missing === null) return found;
  throw new LayersGoneError(
    'layers_missing',
    `The disk stands on a layer that is not here (${found.missing.file}): it was moved without its layers. Repair the instance`,
    { fileId: found.missing.file },
  );
}

/**
 * Reads headers from `disk` down. Opens nothing but the files' first bytes, and takes no lock.
 *
 * @returns `missing`: the own layer that it ended at, because it is not here
 */
export async function findLayers(
  files: InstanceFiles,
  instance: InstanceId,
): Promise<FoundChain & { readonly missing: { file: FileId; name: string } | null }> {
  await files.owner(instance);
  const disk = files.disk(instance);
  const entry = await ifThere(lstat(disk));
  if (!entry) {
    if ((await files.namedLayers(instance)).length > 0) throw new ChainDivergedError('a file named disk', 'none');
    throw new DiskUnsupportedError('disk_not_local', 'The instance has no system disk in its directory');
  }
  if (!entry.isFile()) throw new DiskUnsupportedError('disk_not_local', 'The system disk is not a plain file');

  const named = await files.namedLayers(instance);
  const layers: FoundLayer[] = [];
  const seen = new Set<string>();
  for (let path = disk; ;) {
    const inode = await ifThere(inodeOf(path));
    const absent = inode === null ? files.ownLayerOf(instance, path) : null;
    if (absent) return { layers, base: null, missing: absent };
    if (inode === null) throw new ChainDivergedError('a layer that its overlay names', 'no such file');
    if (seen.has(inode)) throw unsupported('its chain of backing files runs in a circle');
    seen.add(inode);

    const { backing, virtualSizeBytes } = await readQcow2Header(path);
    const known = backing === null ? null : { path: backing.path, format: formatOf(backing) };
    const permanent = named.find((layer) => layer.inode === inode)?.path ?? path;
    layers.push({ inode, path: permanent, backing: known, virtualSizeBytes });
    if (known === null) return { layers, base: null, missing: null };
    if (!(await files.isOwn(instance, known.path))) return { layers, base: await checkBase(known), missing: null };
    if (known.format !== 'qcow2') throw unsupported(`one of its own layers is said to be ${known.format}`);
    path = known.path;
  }
}

function formatOf(backing: { path: string; format: string | null }): string {
  if (!isAbsolute(backing.path)) throw unsupported('a backing file is not named by its absolute path');
  if (backing.format === null) throw unsupported("a backing file's format is not named");
  return backing.format;
}

async function checkBase({ path, format }: { path: string; format: string }): Promise<BaseImage> {
  if (!(await ifThere(lstat(path)))) throw unsupported('its base image is missing');
  if (format === 'raw') return { path, format };
  if (format !== 'qcow2') throw unsupported(`its base image has the format ${format}`);
  if ((await readQcow2Header(path)).backing !== null) throw unsupported('its base image has a backing file itself');
  return { path, format };
}

const unsupported = (what: string) =>
  new DiskUnsupportedError('disk_chain_unsupported', `The system disk can't be layered: ${what}`);
