import { DiskBusyError, HypervisorRefusedError } from '@varve/core';
import type { InstanceId } from '@varve/core';
import { inodeOf } from '../../disk-files/qemu-img/durable.js';
import { readQcow2Header } from '../../disk-files/qemu-img/qcow2-header.js';
import { isOurs } from './merge-job.js';
import { addImage, closeUnused, dropImages } from './nodes.js';
import type { QmpConnection } from './qmp-connection.js';
import { labelOf, matchHeaders, readSystemDisk } from './system-disk.js';
import type { OpenImage, SystemDisk } from './system-disk.js';

export interface Replacement {
  readonly instance: InstanceId;
  readonly directory: string;
  /** Absolute. */
  readonly backing: string;
  /** What `backing` stands on, from the top down. */
  readonly below: readonly { path: string; format: 'raw' | 'qcow2' }[];
}

/**
 * Stands the active layer on another chain: opens that beside what is there, has QEMU take it, writes the header.
 *
 * Dying anywhere in between leaves a header that leads to a whole chain; done again, it goes on from there.
 */
export async function replaceBacking(monitor: QmpConnection, wanted: Replacement): Promise<void> {
  const before = await readSystemDisk(monitor, wanted.directory);
  const foreign = before.jobs.find((job) => !isOurs(job));
  if (foreign !== undefined) throw new DiskBusyError(wanted.instance, foreign);
  await closeUnused(monitor, wanted.directory);

  const [active] = before.images;
  if (!(await standsOn(before, wanted.backing))) {
    await matchHeaders(before, wanted.directory);
    const nodes = await openChain(monitor, active, wanted);
    try {
      await reopen(monitor, before, nodes[0] ?? '');
      const after = await readSystemDisk(monitor, wanted.directory);
      if (!(await standsOn(after, wanted.backing))) throw refused(wanted, 'QEMU did not take the new backing file');
    } catch (error) {
      await dropImages(monitor, nodes);
      throw error;
    }
  }
  const root = active.format['node-name'];
  await monitor.execute('change-backing-file', {
    device: root,
    'image-node-name': root,
    'backing-file': wanted.backing,
  });
  const { backing } = await readQcow2Header(active.path);
  if (backing?.path !== wanted.backing)
    throw refused(wanted, 'QEMU did not write the new backing file into the header');

  const old = before.images.slice(1).flatMap(({ format, file }) => [format['node-name'], file['node-name']]);
  await closeUnused(monitor, wanted.directory, new Set(old));
}

/** @returns the new format nodes, uppermost first */
async function openChain(monitor: QmpConnection, active: OpenImage, wanted: Replacement): Promise<string[]> {
  const options = { cache: cacheOf(active), detectZeroes: 'off' };
  const chain = [{ path: wanted.backing, format: 'qcow2' as const }, ...wanted.below];
  const nodes: string[] = [];
  try {
    for (const image of chain.toReversed()) {
      nodes.unshift(await addImage(monitor, { ...image, readOnly: true, backing: nodes[0] ?? null }, options));
    }
    return nodes;
  } catch (error) {
    await dropImages(monitor, nodes);
    throw error;
  }
}

async function reopen(monitor: QmpConnection, disk: SystemDisk, backing: string): Promise<void> {
  const { format, file } = disk.images[0];
  const node = format['node-name'];
  const detectZeroes = format.detect_zeroes;
  if (node.startsWith('#')) {
    // A node that -drive made has a name that QEMU itself does not take back: "Cannot change the option 'node-name'".
    // This way keeps the node's options; its detect-zeroes would fall back to off. Whether it worked, the graph says.
    const options = `backing=${backing},detect-zeroes=${detectZeroes},discard=unmap`;
    const line = `qemu-io -d ${disk.device} "reopen -o ${options}"`;
    await monitor.execute('human-monitor-command', { 'command-line': line });
    return;
  }
  // What is left out falls back to its default, which for read-only, cache and discard is not what the guest had.
  const options = {
    driver: format.drv,
    'node-name': node,
    'read-only': false,
    file: file['node-name'],
    backing,
    discard: 'unmap',
    cache: cacheOf(disk.images[0]),
    'detect-zeroes': detectZeroes,
  };
  await monitor.execute('blockdev-reopen', { options: [options] });
}

async function standsOn({ images: [, below] }: SystemDisk, backing: string): Promise<boolean> {
  return below?.path === backing && below.inode === (await inodeOf(backing));
}

/** The `writeback` that QEMU also reports belongs to the device. */
export const cacheOf = ({ format: { cache } }: OpenImage): { direct: boolean; 'no-flush': boolean } => ({
  direct: cache.direct,
  'no-flush': cache['no-flush'],
});

const refused = ({ instance, backing }: Replacement, why: string): HypervisorRefusedError =>
  new HypervisorRefusedError(why, { instanceId: instance, backing: labelOf(backing) });
