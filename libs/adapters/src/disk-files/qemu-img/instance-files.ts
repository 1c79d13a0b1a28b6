import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isUuid, NotFoundError } from '@varve/core';
import type { FileId, InstanceId } from '@varve/core';
import { ifThere, inodeOf, inodeOrNull } from './durable.js';
import type { InodeText, Owner } from './durable.js';

/** Directory of layers in an instance directory, and the name of a layer's file where there is no base image. */
const LAYERS = 'layers';
export const NO_BASE = 'base';

/**
 * Nova keeps account of image formats beside whatever is a domain's disk, when it makes an image of it: after a snapshot
 * that is a layer's directory.
 */
const NOT_A_LAYER = 'disk.info';

/** The layer's file in a directory of its own; `null` where there is none (yet). */
export async function layerIn(directory: string): Promise<string | null> {
  const entries = (await ifThere(readdir(directory))) ?? [];
  const name = entries.find((entry) => !entry.startsWith('.') && entry !== NOT_A_LAYER);
  return name === undefined ? null : join(directory, name);
}

/** A layer file that has its permanent name. */
export interface NamedLayer {
  readonly file: FileId;
  readonly path: string;
  readonly inode: InodeText;
}

/** Where things lie in an instance directory. Names are made of checked ids only. */
export class InstanceFiles {
  constructor(private readonly root: string) {}

  directory(instance: InstanceId): string {
    if (!isUuid(instance)) throw new NotFoundError('instance', instance);
    return join(this.root, instance);
  }

  disk(instance: InstanceId): string {
    return join(this.directory(instance), 'disk');
  }

  layers(instance: InstanceId): string {
    return join(this.directory(instance), LAYERS);
  }

  layerDirectory(instance: InstanceId, file: FileId): string {
    if (!isUuid(file)) throw new NotFoundError('layer file', file);
    return join(this.layers(instance), file);
  }

  varve(instance: InstanceId): string {
    return join(this.directory(instance), '.varve');
  }

  record(instance: InstanceId): string {
    return join(this.varve(instance), 'chain.json');
  }

  digests(instance: InstanceId): string {
    return join(this.varve(instance), 'digests.json');
  }

  /** Whoever may delete the instance directory may delete what we put into it. @throws {NotFoundError} */
  async owner(instance: InstanceId): Promise<Owner> {
    const found = await ifThere(stat(this.directory(instance)));
    if (!found?.isDirectory()) throw new NotFoundError('instance', instance);
    return { uid: found.uid, gid: found.gid };
  }

  /** The file in a layer's directory; `null` where there is none (yet). */
  async fileIn(instance: InstanceId, file: FileId): Promise<string | null> {
    return layerIn(this.layerDirectory(instance, file));
  }

  async namedLayers(instance: InstanceId): Promise<NamedLayer[]> {
    const ids = ((await ifThere(readdir(this.layers(instance)))) ?? []).filter(isUuid) as FileId[];
    const found: NamedLayer[] = [];
    for (const file of ids) {
      const path = await this.fileIn(instance, file);
      const inode = path && (await inodeOrNull(path));
      if (path && inode) found.push({ file, path, inode });
    }
    return found;
  }

  /** Whether a backing string leads to one of the instance's own layers: by its place, or by what it leads to. */
  async isOwn(instance: InstanceId, path: string): Promise<boolean> {
    if (dirname(dirname(path)) === this.layers(instance)) return true;
    // From a host that keeps its instances elsewhere: no such file here, and still no base image.
    if (this.ownLayerOf(instance, path) && (await inodeOrNull(path)) === null) return true;
    const inode = await ifThere(inodeOf(path));
    if (inode === null) return false;
    if (inode === (await inodeOrNull(this.disk(instance)))) return true;
    return (await this.namedLayers(instance)).some((layer) => layer.inode === inode);
  }

  /**
   * Which layer of the instance a path names by its form. Another host may keep its instances in another place, so where
   * they lie does not count.
   */
  ownLayerOf(instance: InstanceId, path: string): { file: FileId; name: string } | null {
    const directory = dirname(path);
    const file = basename(directory);
    const inLayers = basename(dirname(directory)) === LAYERS && basename(dirname(dirname(directory))) === instance;
    return inLayers && isUuid(file) ? { file: file as FileId, name: basename(path) } : null;
  }

  /** What Nova calls the directory while a resize is not confirmed. */
  aside(instance: InstanceId): string {
    return `${this.directory(instance)}_resize`;
  }

  /** Where Nova keeps base images. */
  cachedBase(name: string): string {
    return join(this.root, '_base', name);
  }

  /** @param basePath - of the base image; `null` where there is none */
  static nameFor(basePath: string | null): string {
    return basePath === null ? NO_BASE : basename(basePath);
  }
}
