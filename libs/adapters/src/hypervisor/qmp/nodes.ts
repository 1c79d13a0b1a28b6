import { randomBytes } from 'node:crypto';
import { inodeOrNull } from '../../disk-files/qemu-img/durable.js';
import { QmpCommandError } from './qmp-connection.js';
import type { QmpConnection } from './qmp-connection.js';
import { labelOf, ownInodes, readGraph } from './system-disk.js';

export const NODE_PREFIX = 'varve-';

/** How a disk's files are to be opened: as its other files are. */
export interface OpenOptions {
  readonly cache: { readonly direct: boolean; readonly 'no-flush': boolean };
  readonly detectZeroes: string;
}

/** QEMU allows 31 characters and no name twice; the random part makes a name that this QEMU has never had. */
export const newNodeName = (path: string): string =>
  `${NODE_PREFIX}${labelOf(path).replaceAll('-', '').slice(0, 8)}-${randomBytes(5).toString('hex')}`;

export const fileNodeOf = (node: string): string => `${node}-f`;

/**
 * Opens an image as a node of its own, its file as another: a layer's file must be able to become writable later,
 * which `read-only` on it would forbid and `auto-read-only` allows.
 *
 * @param backing - node; `null` for none, or for one that is attached later
 * @returns the format node
 */
export async function addImage(
  monitor: QmpConnection,
  image: { path: string; format: 'raw' | 'qcow2'; readOnly: boolean; backing: string | null },
  options: OpenOptions,
): Promise<string> {
  const { path, format, readOnly, backing } = image;
  const node = newNodeName(path);
  const file = fileNodeOf(node);
  const common = { discard: 'unmap', cache: options.cache };
  await monitor.execute('blockdev-add', {
    driver: 'file',
    'node-name': file,
    filename: path,
    'auto-read-only': true,
    ...common,
  });
  try {
    await monitor.execute('blockdev-add', {
      driver: format,
      'node-name': node,
      file,
      'read-only': readOnly,
      ...common,
      ...(format === 'qcow2' ? { backing } : {}),
      // Only where the guest writes; QEMU refuses nothing else, but it costs.
      ...(readOnly ? {} : { 'detect-zeroes': options.detectZeroes }),
    });
  } catch (error) {
    await deleteIfThere(monitor, file);
    throw error;
  }
  return node;
}

/** Closes nodes that were added for nothing, the uppermost first. */
export async function dropImages(monitor: QmpConnection, nodes: readonly string[]): Promise<void> {
  for (const node of nodes) {
    await deleteIfThere(monitor, node);
    await deleteIfThere(monitor, fileNodeOf(node));
  }
}

/** Closes every node that nothing uses and that is ours: named by us, one of `also`, or a file of the instance's own. */
export async function closeUnused(
  monitor: QmpConnection,
  directory: string,
  also: ReadonlySet<string> = new Set(),
): Promise<void> {
  const stuck = new Set<string>();
  for (;;) {
    const graph = await readGraph(monitor);
    const own = await ownInodes(directory);
    const next = await firstOf(graph.unused(), async (name) => {
      if (stuck.has(name)) return false;
      if (name.startsWith(NODE_PREFIX) || also.has(name)) return true;
      const inode = await inodeOrNull(graph.fileNameOf(name) ?? '');
      return inode !== null && own.has(inode);
    });
    if (next === null) return;
    // Nodes that QEMU made by itself go with the one above; what stays is looked at by who needs it gone.
    if (!(await deleteIfThere(monitor, next))) stuck.add(next);
  }
}

/** @returns whether it is gone */
async function deleteIfThere(monitor: QmpConnection, node: string): Promise<boolean> {
  try {
    await monitor.execute('blockdev-del', { 'node-name': node });
    return true;
  } catch (error) {
    if (!(error instanceof QmpCommandError)) throw error;
    return !(await readGraph(monitor)).has(node);
  }
}

async function firstOf(names: readonly string[], wanted: (name: string) => Promise<boolean>): Promise<string | null> {
  for (const name of names) if (await wanted(name)) return name;
  return null;
}
