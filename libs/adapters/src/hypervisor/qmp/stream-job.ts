import { ChainDivergedError, DiskBusyError, HypervisorRefusedError } from '@varve/core';
import type { BaseImage, InstanceId } from '@varve/core';
import { readQcow2Header } from '../../disk-files/qemu-img/qcow2-header.js';
import { findJob, isOurs, JOB_PREFIX } from './merge-job.js';
import type { Job, MergeState } from './merge-job.js';
import { closeUnused } from './nodes.js';
import type { QmpConnection } from './qmp-connection.js';
import { labelOf, matchHeaders, readSystemDisk } from './system-disk.js';

/** One at a time in a QEMU: there is one system disk. */
const STREAM_JOB = `${JOB_PREFIX}stream`;

export interface Stream {
  readonly instance: InstanceId;
  readonly directory: string;
  readonly base: BaseImage | null;
  readonly bytesPerSecond: number;
}

/** Starts QEMU's copying of the layers below into the active one, unless it runs or is done already. */
export async function beginStream(monitor: QmpConnection, stream: Stream): Promise<MergeState> {
  const running = await findJob(monitor, STREAM_JOB);
  if (running) return goOn(monitor, stream, running);
  const disk = await readSystemDisk(monitor, stream.directory);
  const foreign = disk.jobs.find((job) => !isOurs(job));
  if (foreign !== undefined) throw new DiskBusyError(stream.instance, foreign);
  if (await isStreamed(monitor, stream)) return { kind: 'merged' };

  const [active] = disk.images;
  await matchHeaders(disk, stream.directory);
  assertMayBeStreamedInto(stream.instance, await readQcow2Header(active.path));
  const bottom = stream.base === null ? null : disk.images.at(-1);
  if (bottom !== null && bottom?.path !== stream.base?.path) {
    throw new ChainDivergedError(stream.base?.path ?? 'no base image', labelOf(bottom?.path ?? null));
  }
  await monitor.execute('block-stream', {
    'job-id': STREAM_JOB,
    device: active.format['node-name'],
    ...(bottom ? { 'base-node': bottom.format['node-name'], 'backing-file': bottom.path } : {}),
    speed: stream.bytesPerSecond,
    // Asked for its nodes while a stream is over and not dismissed, QEMU 7.2 dies: of a filter without a file.
    'auto-dismiss': true,
    'auto-finalize': false,
  });
  return { kind: 'running', doneBytes: 0, totalBytes: 0 };
}

/** How it goes on; finishes it when QEMU has done its part. */
export async function followStream(monitor: QmpConnection, stream: Stream): Promise<MergeState> {
  const job = await findJob(monitor, STREAM_JOB);
  if (job) return goOn(monitor, stream, job);
  if (await isStreamed(monitor, stream)) return { kind: 'merged' };
  throw new HypervisorRefusedError('The stream ended without being done', { instanceId: stream.instance });
}

/** @throws {HypervisorRefusedError} QEMU 7.2 would die of it: `bdrv_co_do_copy_on_readv: Assertion 'skip_bytes < pnum'` */
export function assertMayBeStreamedInto(instance: InstanceId, header: { readonly extendedL2: boolean }): void {
  if (!header.extendedL2) return;
  const message = 'The active layer has extended L2 entries; streaming into it kills QEMU';
  throw new HypervisorRefusedError(message, { instanceId: instance });
}

/**
 * Before the header may say that the active layer stands on the base image alone, the tables that lead to what was copied
 * must be on the disk: QEMU writes the one at once and keeps the others in memory until somebody flushes.
 */
async function goOn(monitor: QmpConnection, stream: Stream, job: Job): Promise<MergeState> {
  if (job.status === 'pending') {
    const { images } = await readSystemDisk(monitor, stream.directory);
    const node = images[0].format['node-name'];
    await monitor.execute('human-monitor-command', { 'command-line': `qemu-io ${node} flush` });
    await monitor.execute('job-finalize', { id: job.id });
  }
  return { kind: 'running', doneBytes: job['current-progress'], totalBytes: job['total-progress'] };
}

/** Decides from the chain, in QEMU and in the active layer's header; then lets go of the layers between. */
async function isStreamed(monitor: QmpConnection, { directory, base }: Stream): Promise<boolean> {
  const { images } = await readSystemDisk(monitor, directory);
  if (images.length !== (base === null ? 1 : 2)) return false;
  const { backing } = await readQcow2Header(images[0].path);
  if ((backing?.path ?? null) !== (base?.path ?? null)) return false;
  await closeUnused(monitor, directory);
  return true;
}
