import { ChainDivergedError, HypervisorRefusedError } from '@varve/core';
import type { InstanceId } from '@varve/core';
import { inodeOrNull } from '../../disk-files/qemu-img/durable.js';
import { labelOf, matchHeaders, ownInodes } from '../qmp/system-disk.js';
import type { NamedFile } from '../qmp/system-disk.js';
import type { Domain, DomainDisk } from './domain-xml.js';
import { findQemu, openFilesOf } from './qemu-process.js';
import type { OpenFiles } from './qemu-process.js';

export interface LibvirtImage extends NamedFile {
  /** How block jobs call it: `vda[3]`. */
  readonly handle: string;
}

/** The system disk of a domain that runs: what libvirt believes, and what the kernel says. */
export interface LibvirtDisk {
  readonly directory: string;
  readonly target: string;
  readonly mirror: string | null;
  readonly images: readonly [LibvirtImage, ...LibvirtImage[]];
  readonly open: OpenFiles;
}

/**
 * Finds the system disk among a domain's disks: the one whose active layer is a file of the instance's own.
 *
 * @returns `null` when QEMU is gone, or not yet there
 * @throws {ChainDivergedError} the domain doesn't have it
 */
export async function readLibvirtDisk(
  instance: InstanceId,
  directory: string,
  domain: Domain,
): Promise<LibvirtDisk | null> {
  if (!domain.active) return null;
  const pid = await findQemu(instance);
  const open = pid === null ? null : await openFilesOf(pid);
  if (open === null) return null;
  const disk = await ownDiskOf(directory, domain);
  if (disk) return { directory, ...disk, open };
  throw new ChainDivergedError('a domain that has the system disk open', 'one without it');
}

/** The disk whose active layer is one of the instance's own files, by inode; `null`: there is none. */
export async function ownDiskOf(
  directory: string,
  domain: Domain,
): Promise<Pick<LibvirtDisk, 'target' | 'mirror' | 'images'> | null> {
  const own = await ownInodes(directory);
  for (const disk of domain.disks) {
    const [active, ...below] = await Promise.all(imagesOf(disk));
    if (!active || active.inode === null || !own.has(active.inode)) continue;
    return { target: disk.target, mirror: disk.mirror, images: [active, ...below] };
  }
  return null;
}

function imagesOf({ target, images }: DomainDisk): Promise<LibvirtImage>[] {
  return images.map(async ({ path, index }) => ({
    path: path ?? '',
    inode: path === null ? null : await inodeOrNull(path),
    handle: `${target}[${index ?? 0}]`,
  }));
}

/**
 * Holds against each other what the headers say, what libvirt believes and what QEMU really has open: libvirt goes by
 * names, and QEMU opens files again by the names that libvirt gave it.
 *
 * @returns the files that the images really are, in their order
 * @throws {ChainDivergedError} they don't agree; nothing may be changed then
 */
export async function trueFilesOf(disk: LibvirtDisk, diskLeadsTo?: string): Promise<string[]> {
  const paths = await matchHeaders(disk, disk.directory, diskLeadsTo);
  for (const [depth, path] of paths.entries()) {
    const inode = await inodeOrNull(path);
    if (inode === null || !disk.open.has(inode)) {
      throw new ChainDivergedError(
        `${labelOf(path)} open in QEMU`,
        `another file in its place, ${depth} below the active`,
      );
    }
  }
  return paths;
}

/** As {@link trueFilesOf}, as far as they agree: for looking, not for changing. */
export async function likelyFilesOf(disk: LibvirtDisk): Promise<string[]> {
  try {
    return await matchHeaders(disk, disk.directory);
  } catch (error) {
    if (!(error instanceof ChainDivergedError)) throw error;
    return disk.images.map(({ path }) => path);
  }
}

/** Whether QEMU has a file open for writing; `false` also when it does not have it open. */
export async function isWrittenBy({ open }: LibvirtDisk, path: string): Promise<boolean> {
  const inode = await inodeOrNull(path);
  return inode !== null && open.get(inode) === true;
}

export async function existingInode(path: string): Promise<string> {
  const inode = await inodeOrNull(path);
  if (inode === null) throw new HypervisorRefusedError(`${labelOf(path)} is gone`);
  return inode;
}
