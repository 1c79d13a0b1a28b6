import { ChainDivergedError, DiskBusyError } from '@varve/core';
import type { BaseImage, InstanceId } from '@varve/core';
import { readQcow2Header } from '../../disk-files/qemu-img/qcow2-header.js';
import { assertMayBeStreamedInto } from '../qmp/stream-job.js';
import { labelOf, ownInodes } from '../qmp/system-disk.js';
import { blockJobOf, foreignJobOf } from './block-job.js';
import { trueFilesOf } from './libvirt-disk.js';
import type { LibvirtDisk } from './libvirt-disk.js';
import type { MergeState, Running } from './merge-job.js';
import type { Virsh } from './virsh.js';

const PULL = 'Block Pull';

export interface LibvirtStream {
  readonly instance: InstanceId;
  readonly base: BaseImage | null;
  readonly bytesPerSecond: number;
}

/**
 * Starts libvirt's copying of the layers below into the active one, unless it runs or is done already. Only reads the
 * layers below, so a stale name among them does no harm.
 */
export async function beginStream(virsh: Virsh, stream: LibvirtStream, now: Running): Promise<MergeState> {
  const { instance, base, bytesPerSecond } = stream;
  const { disk } = now;
  const job = await blockJobOf(virsh, instance, disk.target);
  // libvirt's jobs have no names. Whoever else pulls the chain into the active layer does what we want.
  if (job?.type === PULL) return { kind: 'running', ...job };
  const foreign = await foreignJobOf(virsh, instance, now.domain, disk);
  if (foreign !== null) throw new DiskBusyError(instance, foreign);
  if (await isStreamed(stream, disk)) return { kind: 'merged' };

  await trueFilesOf(disk);
  assertMayBeStreamedInto(instance, await readQcow2Header(disk.images[0].path));
  const bottom = base === null ? null : disk.images.at(-1);
  if (bottom !== null && bottom?.path !== base?.path) {
    throw new ChainDivergedError(base?.path ?? 'no base image', labelOf(bottom?.path ?? null));
  }
  const limit = bytesPerSecond > 0 ? ['--bandwidth', String(Math.ceil(bytesPerSecond)), '--bytes'] : [];
  const until = bottom ? ['--base', bottom.handle] : [];
  try {
    await virsh.run('blockpull', [instance, disk.target, ...until, ...limit]);
  } catch (error) {
    throw await virsh.refusal(error, instance);
  }
  return { kind: 'running', doneBytes: 0, totalBytes: 0 };
}

/** How it goes on. */
export async function followStream(virsh: Virsh, stream: LibvirtStream, { disk }: Running): Promise<MergeState> {
  const job = await blockJobOf(virsh, stream.instance, disk.target);
  if (job) return { kind: 'running', ...job };
  return (await isStreamed(stream, disk)) ? { kind: 'merged' } : { kind: 'ended' };
}

/** Decides from the chain, in libvirt, in QEMU and in the active layer's header. */
async function isStreamed({ base }: LibvirtStream, disk: LibvirtDisk): Promise<boolean> {
  if (disk.images.length !== (base === null ? 1 : 2)) return false;
  const { backing } = await readQcow2Header(disk.images[0].path);
  if ((backing?.path ?? null) !== (base?.path ?? null)) return false;
  for (const inode of await ownInodes(disk.directory)) {
    if (inode !== disk.images[0].inode && disk.open.has(inode)) return false;
  }
  return true;
}
