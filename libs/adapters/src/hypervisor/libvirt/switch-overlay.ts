import { ChainDivergedError, DiskBusyError, HypervisorRefusedError, OutcomeUnknownError } from '@varve/core';
import type { InstanceId } from '@varve/core';
import { join } from 'node:path';
import { inodeOrNull } from '../../disk-files/qemu-img/durable.js';
import { readQcow2Header } from '../../disk-files/qemu-img/qcow2-header.js';
import { switchedAlready } from '../qmp/switch-overlay.js';
import { labelOf } from '../qmp/system-disk.js';
import { foreignJobOf } from './block-job.js';
import type { Domain } from './domain-xml.js';
import { existingInode, trueFilesOf } from './libvirt-disk.js';
import type { LibvirtDisk } from './libvirt-disk.js';
import { StallWatch } from './stall-watch.js';
import { VirshError } from './virsh.js';
import type { Virsh } from './virsh.js';

export interface LibvirtSwitch {
  readonly instance: InstanceId;
  readonly overlay: string;
  readonly deadlineMs: number;
}

/**
 * Has libvirt itself make the snapshot, on a file that is there already under the layer's permanent name: libvirt, QEMU
 * and the directory then agree on the active layer, and libvirt labels the file. Behind its back, by way of the monitor,
 * it would taint the domain and take the disk out of libvirt's hands.
 *
 * @param look - how things are now; `null`: QEMU is gone
 */
export async function switchToOverlay(
  virsh: Virsh,
  { instance, overlay, deadlineMs }: LibvirtSwitch,
  { domain, disk }: { domain: Domain; disk: LibvirtDisk },
  look: () => Promise<LibvirtDisk | null>,
): Promise<{ stallMs: number }> {
  const [active] = disk.images;
  const overlayInode = await existingInode(overlay);
  if (active.inode === overlayInode) {
    if (disk.open.get(overlayInode) === true) throw switchedAlready(instance);
    throw new HypervisorRefusedError('The name of the active layer leads to the overlay', { instanceId: instance });
  }
  const foreign = await foreignJobOf(virsh, instance, domain, disk);
  if (foreign !== null) throw new DiskBusyError(instance, foreign);
  const { backing } = await readQcow2Header(overlay);
  // QEMU opens the layer again, read-only, by the name it has: that must be the layer that the overlay stands on.
  if (active.inode === null || backing === null || (await inodeOrNull(backing.path)) !== active.inode) {
    throw new ChainDivergedError(labelOf(backing?.path ?? null), labelOf(active.path));
  }
  // A settled layer is opened by the name `disk`, which leads to it already.
  await trueFilesOf(disk, overlay === join(disk.directory, 'disk') ? overlayInode : undefined);

  const specs = domain.disks.flatMap(({ target }) => [
    '--diskspec',
    target === disk.target
      ? `${target},snapshot=external,driver=qcow2,file=${overlay.replaceAll(',', ',,')}`
      : `${target},snapshot=no`,
  ]);
  const flags = ['--disk-only', '--no-metadata', '--reuse-external', '--atomic'];
  const watch = new StallWatch(active.inode, overlayInode);
  const begun = performance.now();
  let failure: unknown = null;
  try {
    await virsh.run('snapshot-create-as', [instance, ...specs, ...flags], deadlineMs);
  } catch (error) {
    if (!(error instanceof VirshError) && !(error instanceof OutcomeUnknownError)) throw error;
    failure = error;
  }
  const tookMs = performance.now() - begun;
  const seenMs = await watch.end();
  // Whatever was said: what counts is what QEMU writes to now.
  const after = await look();
  if (after?.images[0].inode === overlayInode) return { stallMs: seenMs ?? tookMs };
  if (after !== null && failure instanceof VirshError && !after.open.has(overlayInode)) {
    throw await virsh.refusal(failure, instance);
  }
  const facts = { instanceId: instance };
  throw new OutcomeUnknownError('It is not known whether QEMU has switched', facts, { cause: failure });
}
