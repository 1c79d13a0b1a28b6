import { ChainDivergedError, DiskBusyError, OutcomeUnknownError } from '@varve/core';
import type { InstanceId } from '@varve/core';
import { inodeOf, inodeOrNull } from '../../disk-files/qemu-img/durable.js';
import { readQcow2Header } from '../../disk-files/qemu-img/qcow2-header.js';
import { isOurs } from './merge-job.js';
import { addImage, closeUnused, dropImages } from './nodes.js';
import type { QmpConnection } from './qmp-connection.js';
import { cacheOf } from './replace-backing.js';
import { labelOf, readSystemDisk } from './system-disk.js';

export interface Switch {
  readonly instance: InstanceId;
  readonly directory: string;
  /** Absolute. */
  readonly overlay: string;
  /** Of `performance.now()`. */
  readonly deadline: number;
}

/** An earlier request was late, not refused: who takes this for a refusal would delete the layer that the guest writes to. */
export const switchedAlready = (instance: InstanceId): OutcomeUnknownError =>
  new OutcomeUnknownError('QEMU writes to this layer already', { instanceId: instance });

/** @returns milliseconds from the command to its answer, with nothing else on the way */
export async function switchToOverlay(monitor: QmpConnection, wanted: Switch): Promise<{ stallMs: number }> {
  const { instance, directory, overlay, deadline } = wanted;
  const { images, jobs } = await readSystemDisk(monitor, directory);
  const [active] = images;
  if (active.inode === (await inodeOf(overlay))) throw switchedAlready(instance);
  const foreign = jobs.find((job) => !isOurs(job));
  if (foreign !== undefined) throw new DiskBusyError(instance, foreign);
  const { backing } = await readQcow2Header(overlay);
  // QEMU opens the layer again, read-only, by the name it has: that must be the layer that the overlay stands on.
  if (backing === null || (await inodeOrNull(backing.path)) !== active.inode) {
    throw new ChainDivergedError(labelOf(backing?.path ?? null), labelOf(active.path));
  }

  await closeUnused(monitor, directory);
  const options = { cache: cacheOf(active), detectZeroes: active.format.detect_zeroes };
  const node = await addImage(monitor, { path: overlay, format: 'qcow2', readOnly: false, backing: null }, options);
  const begun = performance.now();
  try {
    await monitor.execute(
      'blockdev-snapshot',
      { node: active.format['node-name'], overlay: node },
      Math.max(1, deadline - begun),
    );
    return { stallMs: performance.now() - begun };
  } catch (error) {
    // When the answer is missing the node may be the disk by now: then the connection is gone too, and nothing is done.
    if (!monitor.isLost) await dropImages(monitor, [node]);
    throw error;
  }
}
