import { ChainDivergedError, DiskBusyError } from '@varve/core';
import type { InstanceId } from '@varve/core';
import { inodeOrNull } from '../../disk-files/qemu-img/durable.js';
import { readQcow2Header } from '../../disk-files/qemu-img/qcow2-header.js';
import { labelOf } from '../qmp/system-disk.js';
import { blockJobOf, foreignJobOf, isOurs } from './block-job.js';
import type { Domain } from './domain-xml.js';
import { trueFilesOf } from './libvirt-disk.js';
import type { LibvirtDisk } from './libvirt-disk.js';
import type { Virsh } from './virsh.js';

export interface LibvirtMerge {
  readonly instance: InstanceId;
  /** Absolute paths. */
  readonly from: string;
  readonly into: string;
  readonly bytesPerSecond: number;
}

export type MergeState =
  | { readonly kind: 'running'; readonly doneBytes: number; readonly totalBytes: number }
  | { readonly kind: 'merged' }
  /** No job, and the chain as it was: it has failed, was cancelled, or libvirt is just about to say that it is done. */
  | { readonly kind: 'ended' };

/** The domain and its system disk, looked at in one go. */
export interface Running {
  readonly domain: Domain;
  readonly disk: LibvirtDisk;
}

/**
 * Starts libvirt's merge of the layer directly below the active one into the next, unless it runs or is done already.
 *
 * Layers go by libvirt's index: a path would lead libvirt to the wrong one where a name is stale. Without
 * `--keep-relative` (it is refused for absolute backing names, which ours are) libvirt writes the name by which it knows
 * the target into the active layer's header: hence only a target that it knows by its permanent name.
 *
 * @throws {ChainDivergedError} the layers don't lie so, or libvirt knows the target by another name: QEMU would open that
 *   name again to write to it, and by now it leads to the active layer
 */
export async function beginMerge(virsh: Virsh, merge: LibvirtMerge, now: Running): Promise<MergeState> {
  const { instance, from, into, bytesPerSecond } = merge;
  const { disk } = now;
  const job = await blockJobOf(virsh, instance, disk.target);
  if (job && (await isOurs(job, disk))) return { kind: 'running', ...job };
  const foreign = await foreignJobOf(virsh, instance, now.domain, disk);
  if (foreign !== null) throw new DiskBusyError(instance, foreign);
  if (await isMerged(merge, disk)) return { kind: 'merged' };

  const files = await trueFilesOf(disk);
  const [, source, target] = disk.images;
  const sourceInode = await knownInode(from);
  if (!source || !files[1] || (await knownInode(files[1])) !== sourceInode) {
    throw new ChainDivergedError(labelOf(from), labelOf(files[1] ?? null));
  }
  if (!target || target.path !== into || target.inode !== (await knownInode(into)) || files[2] !== into) {
    throw new ChainDivergedError(`${labelOf(into)} under its permanent name`, labelOf(target?.path ?? null));
  }
  const limit = bytesPerSecond > 0 ? ['--bandwidth', String(Math.ceil(bytesPerSecond)), '--bytes'] : [];
  const pair = ['--top', source.handle, '--base', target.handle];
  try {
    await virsh.run('blockcommit', [instance, disk.target, ...pair, ...limit]);
  } catch (error) {
    throw await virsh.refusal(error, instance);
  }
  return { kind: 'running', doneBytes: 0, totalBytes: 0 };
}

/** How a merge that was begun goes on. */
export async function followMerge(virsh: Virsh, merge: LibvirtMerge, { disk }: Running): Promise<MergeState> {
  const job = await blockJobOf(virsh, merge.instance, disk.target);
  if (job) return { kind: 'running', ...job };
  return (await isMerged(merge, disk)) ? { kind: 'merged' } : { kind: 'ended' };
}

/** Decides from the chain, in libvirt, in QEMU and in the active layer's header. A job that is gone proves nothing. */
async function isMerged({ from, into }: LibvirtMerge, disk: LibvirtDisk): Promise<boolean> {
  const [active, below] = disk.images;
  if (below?.path !== into || below.inode === null || below.inode !== (await inodeOrNull(into))) return false;
  const { backing } = await readQcow2Header(active.path);
  if (backing?.path !== into || disk.open.get(below.inode) !== false) return false;
  const source = await inodeOrNull(from);
  return source === null || !disk.open.has(source);
}

async function knownInode(path: string): Promise<string> {
  const inode = await inodeOrNull(path);
  if (inode === null) throw new ChainDivergedError(labelOf(path), 'no such file');
  return inode;
}
