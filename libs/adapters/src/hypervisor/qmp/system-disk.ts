import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { ChainDivergedError } from '@varve/core';
import { ifThere, inodeOrNull } from '../../disk-files/qemu-img/durable.js';
import { readQcow2Header } from '../../disk-files/qemu-img/qcow2-header.js';
import { BlockGraph } from './block-graph.js';
import type { BlockDevice, DebugGraph, ImageNode, NamedNode } from './block-graph.js';
import type { QmpConnection } from './qmp-connection.js';

/** A name that QEMU knows, and what it leads to now. */
export interface NamedFile {
  /** Absolute. */
  readonly path: string;
  /** `null`: the name leads nowhere any more. */
  readonly inode: string | null;
}

/** One image of the system disk in QEMU. */
export interface OpenImage extends ImageNode, NamedFile {}

export interface SystemDisk {
  readonly graph: BlockGraph;
  /** Active layer first, base image last; at least one. */
  readonly images: readonly [OpenImage, ...OpenImage[]];
  /** `qdev` path or device name, as HMP's commands want it. */
  readonly device: string;
  /** Jobs on any of its nodes. */
  readonly jobs: readonly string[];
}

export async function readGraph(monitor: QmpConnection): Promise<BlockGraph> {
  const devices = await monitor.execute<BlockDevice[]>('query-block');
  const nodes = await monitor.execute<NamedNode[]>('query-named-block-nodes', { flat: true });
  return new BlockGraph(devices, nodes, await monitor.execute<DebugGraph>('x-debug-query-block-graph'));
}

/**
 * Finds the system disk among what QEMU has open: the one whose active layer is a file of the instance's own. By
 * inode, since QEMU may know the file by a name that has moved on.
 *
 * @throws {ChainDivergedError} QEMU does not have it open
 */
export async function readSystemDisk(monitor: QmpConnection, directory: string): Promise<SystemDisk> {
  const graph = await readGraph(monitor);
  const own = await ownInodes(directory);
  for (const { device, images } of graph.disks()) {
    const [active, ...below] = await Promise.all(images.map((image) => look(image, directory)));
    if (!active || active.inode === null || !own.has(active.inode)) continue;
    const nodes = graph.reachableFrom(device.inserted?.['node-name'] ?? '');
    const name = device.qdev ?? device.device;
    return { graph, images: [active, ...below], device: name, jobs: graph.jobsOn(nodes) };
  }
  throw new ChainDivergedError('a QEMU process that has the system disk open', 'one without it');
}

/** Files of the instance's own, under whatever name. */
export async function ownInodes(directory: string): Promise<ReadonlySet<string>> {
  const layers = join(directory, 'layers');
  const paths = [join(directory, 'disk')];
  for (const id of (await ifThere(readdir(layers))) ?? []) {
    for (const name of (await ifThere(readdir(join(layers, id)))) ?? []) paths.push(join(layers, id, name));
  }
  const found = await Promise.all(paths.map((path) => inodeOrNull(path)));
  return new Set(found.filter((inode) => inode !== null));
}

/**
 * Holds what QEMU has open against what the headers say, from the active layer down.
 *
 * Only one name may lead elsewhere by now: `disk`, under which a layer was opened when it was the active one.
 *
 * @param diskLeadsTo - inode; the active layer, unless it has been moved to what is about to become that
 * @returns the files that the images really are, in the order of `images`, as far as the headers tell: absolute paths
 * @throws {ChainDivergedError} they don't agree
 */
export async function matchHeaders(
  { images }: { readonly images: readonly [NamedFile, ...NamedFile[]] },
  directory: string,
  diskLeadsTo = images[0].inode,
): Promise<string[]> {
  const [active] = images;
  const paths = [active.path];
  for (const image of images.slice(1)) {
    const above = paths.at(-1) ?? active.path;
    const { backing } = await readQcow2Header(above);
    const inode = backing === null ? null : await inodeOrNull(backing.path);
    const stale = image.path === join(directory, 'disk') && image.inode === diskLeadsTo;
    if (backing === null || inode === null || (inode !== image.inode && !stale)) {
      throw new ChainDivergedError(`${labelOf(image.path)} below ${labelOf(above)}`, labelOf(backing?.path ?? null));
    }
    paths.push(backing.path);
    if (backing.format !== 'qcow2') break;
  }
  return paths;
}

/** How a layer is called in messages: its file id, or the last part of its name. */
export const labelOf = (path: string | null): string =>
  path === null ? 'nothing' : basename(dirname(dirname(path))) === 'layers' ? basename(dirname(path)) : basename(path);

async function look(image: ImageNode, directory: string): Promise<OpenImage> {
  // We start QEMU in the instance directory, so that is what a relative name is relative to.
  const path = isAbsolute(image.fileName) ? image.fileName : resolve(directory, image.fileName);
  const found = await ifThere(stat(path, { bigint: true }));
  return { ...image, path, inode: found ? `${found.dev}:${found.ino}` : null };
}
