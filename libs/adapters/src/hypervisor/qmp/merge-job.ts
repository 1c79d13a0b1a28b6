import { basename, dirname } from 'node:path';
import { ChainDivergedError, DiskBusyError, HypervisorRefusedError, OutcomeUnknownError } from '@varve/core';
import type { InstanceId } from '@varve/core';
import { inodeOrNull } from '../../disk-files/qemu-img/durable.js';
import { readQcow2Header } from '../../disk-files/qemu-img/qcow2-header.js';
import { closeUnused } from './nodes.js';
import { QmpCommandError } from './qmp-connection.js';
import type { QmpConnection } from './qmp-connection.js';
import { labelOf, matchHeaders, readGraph, readSystemDisk } from './system-disk.js';

export const JOB_PREFIX = 'varve-merge-';

/** `query-jobs` */
export interface Job {
  readonly id: string;
  readonly status: string;
  readonly 'current-progress': number;
  readonly 'total-progress': number;
  readonly error?: string;
}

export interface Merge {
  readonly instance: InstanceId;
  readonly directory: string;
  /** Absolute paths. */
  readonly from: string;
  readonly into: string;
  readonly bytesPerSecond: number;
}

export type MergeState = { kind: 'running'; doneBytes: number; totalBytes: number } | { kind: 'merged' };

export const isOurs = (job: string): boolean => job.startsWith(JOB_PREFIX);

/** The job's name is made of the source, so that a later life of this process finds it. */
const jobOf = ({ from }: Merge): string => `${JOB_PREFIX}${basename(dirname(from))}`;

/**
 * Starts QEMU's merge of the layer directly below the active one into the next, unless it runs or is done already.
 *
 * @throws {ChainDivergedError} the layers don't lie so, or QEMU knows the target by a name that isn't its own: it would
 *   open that name again to write to it, and by now the name may lead to the active layer
 */
export async function beginMerge(monitor: QmpConnection, merge: Merge): Promise<MergeState> {
  const running = await findJob(monitor, jobOf(merge));
  if (running) return settle(monitor, merge, running);

  const disk = await readSystemDisk(monitor, merge.directory);
  const foreign = disk.jobs.find((job) => !isOurs(job));
  if (foreign !== undefined) throw new DiskBusyError(merge.instance, foreign);
  if (await isMerged(monitor, merge)) return { kind: 'merged' };

  const [active, source, target] = disk.images;
  const paths = await matchHeaders(disk, merge.directory);
  if (!source || !paths[1] || (await knownInode(paths[1])) !== (await knownInode(merge.from))) {
    throw new ChainDivergedError(labelOf(merge.from), labelOf(paths[1] ?? null));
  }
  if (!target || target.path !== merge.into || target.inode !== (await knownInode(merge.into))) {
    throw new ChainDivergedError(`${labelOf(merge.into)} under its permanent name`, labelOf(target?.path ?? null));
  }
  await monitor.execute('block-commit', {
    'job-id': jobOf(merge),
    device: active.format['node-name'],
    'top-node': source.format['node-name'],
    'base-node': target.format['node-name'],
    // Without it the active layer's header would get QEMU's own, maybe stale, description of the target.
    'backing-file': merge.into,
    speed: merge.bytesPerSecond,
    // A job that dismissed itself could not tell how it ended.
    'auto-dismiss': false,
  });
  return { kind: 'running', doneBytes: 0, totalBytes: 0 };
}

/** How a merge that was begun goes on; finishes it when QEMU has done its part. */
export async function followMerge(monitor: QmpConnection, merge: Merge): Promise<MergeState> {
  const job = await findJob(monitor, jobOf(merge));
  if (job) return settle(monitor, merge, job);
  // A job that is gone has not thereby succeeded.
  if (await isMerged(monitor, merge)) return { kind: 'merged' };
  throw new HypervisorRefusedError('The merge ended without being done', { instanceId: merge.instance });
}

async function settle(monitor: QmpConnection, merge: Merge, job: Job): Promise<MergeState> {
  if (job.status !== 'concluded') {
    return { kind: 'running', doneBytes: job['current-progress'], totalBytes: job['total-progress'] };
  }
  if (job.error !== undefined) {
    await dismiss(monitor, job.id);
    throw new HypervisorRefusedError(`block-commit: ${job.error}`, { instanceId: merge.instance });
  }
  // Dismissed last: dying before that, we find the job again.
  const merged = await isMerged(monitor, merge);
  await dismiss(monitor, job.id);
  if (!merged)
    throw new HypervisorRefusedError('The merge has left the chain as it was', { instanceId: merge.instance });
  return { kind: 'merged' };
}

/** Decides from the chain, in QEMU and in the active layer's header; then lets go of the source's file. */
async function isMerged(monitor: QmpConnection, merge: Merge): Promise<boolean> {
  const disk = await readSystemDisk(monitor, merge.directory);
  const [active, below] = disk.images;
  if (below?.path !== merge.into || below.inode !== (await knownInode(merge.into))) return false;
  const { backing } = await readQcow2Header(active.path);
  if (backing?.path !== merge.into) return false;
  const from = await inodeOrNull(merge.from);
  for (const path of await matchHeaders(disk, merge.directory)) {
    if (from !== null && (await inodeOrNull(path)) === from) return false;
  }

  await closeUnused(monitor, merge.directory);
  const graph = await readGraph(monitor);
  for (const name of graph.unused()) {
    if (from === null || (await inodeOrNull(graph.fileNameOf(name) ?? '')) !== from) continue;
    throw new OutcomeUnknownError('QEMU still has the merged layer open', { instanceId: merge.instance });
  }
  return true;
}

/** Forgets jobs of ours that ended while nobody looked. */
export async function dismissEndedJobs(monitor: QmpConnection): Promise<void> {
  for (const job of await monitor.execute<Job[]>('query-jobs')) {
    if (isOurs(job.id) && job.status === 'concluded') await dismiss(monitor, job.id);
  }
}

/** Nothing to do when another life of this process was faster. */
export async function dismiss(monitor: QmpConnection, id: string): Promise<void> {
  try {
    await monitor.execute('job-dismiss', { id });
  } catch (error) {
    if (!(error instanceof QmpCommandError) || (await findJob(monitor, id))) throw error;
  }
}

export async function findJob(monitor: QmpConnection, id: string): Promise<Job | undefined> {
  return (await monitor.execute<Job[]>('query-jobs')).find((job) => job.id === id);
}

async function knownInode(path: string): Promise<string> {
  const inode = await inodeOrNull(path);
  if (inode === null) throw new ChainDivergedError(labelOf(path), 'no such file');
  return inode;
}
