import type {
  ExportPoint,
  KeepRollback,
  RepairDisk,
  RunRollback,
  SettleDisk,
  TakeSnapshot,
  UndoRollback,
} from '@varve/contracts';
import { JobUnusableError } from '@varve/core';
import type { InstanceId } from '@varve/core';
import {
  exportRestorePoint,
  keepRollback,
  repairSystemDisk,
  rollbackSystemDisk,
  settleSystemDisk,
  snapshotSystemDisk,
  undoRollback,
  withdrawImages,
} from '@varve/procedures';
import type { JournalHead, ProcedureContext, ProcedureResult, Run } from '@varve/procedures';

/** Jobs that change a host. */
export type DiskJob = TakeSnapshot | RunRollback | UndoRollback | KeepRollback | SettleDisk | RepairDisk | ExportPoint;

/**
 * The version of each procedure's steps, part of its journal: raised when a journal of the version before could not be
 * resumed by the new code.
 */
const VERSIONS = {
  'snapshot.take': 1,
  'rollback.run': 1,
  'rollback.undo': 1,
  'rollback.keep': 1,
  'disk.settle': 1,
  'point.export': 1,
  'disk.repair': 1,
} as const;

export const headFor = (job: DiskJob, at: Date): JournalHead => ({
  kind: 'open',
  procedure: job.type,
  procedureVersion: VERSIONS[job.type],
  operationId: job.operationId,
  epoch: job.epoch,
  request: job,
  at: at.toISOString(),
});

/**
 * The job that a journal was opened for. It was parsed before it was written there.
 *
 * @throws {JobUnusableError} the journal was written by a version that we can't go on from
 */
export function jobOf(head: JournalHead): DiskJob {
  const job = head.request as unknown as DiskJob;
  if (VERSIONS[job.type] !== head.procedureVersion) {
    throw new JobUnusableError(`The journal is of version ${head.procedureVersion} of ${head.procedure}`);
  }
  return job;
}

export const instanceOf = (head: JournalHead): InstanceId => (head.request as { instanceId: InstanceId }).instanceId;

export function perform(run: Run, job: DiskJob, ctx: ProcedureContext): Promise<ProcedureResult> {
  switch (job.type) {
    case 'snapshot.take':
      return snapshotSystemDisk(run, job, ctx);
    case 'rollback.run':
      return rollbackSystemDisk(run, job, ctx);
    case 'rollback.undo':
      return undoRollback(run, job, ctx);
    case 'rollback.keep':
      return keepRollback(run, job, ctx);
    case 'disk.settle':
      return settleSystemDisk(run, job, ctx);
    case 'point.export':
      return exportRestorePoint(run, job, ctx);
    case 'disk.repair':
      return repairSystemDisk(run, job, ctx);
  }
}

/** What the catalog must hear, beside the end of the operation, when everything was taken back; `null`: nothing. */
export function failureEvent(job: DiskJob, problem: object): { type: string; data: object } | null {
  switch (job.type) {
    case 'snapshot.take':
      return { type: 'snapshot.failed', data: { snapshotUid: job.snapshotUid, problem } };
    case 'rollback.run':
    case 'rollback.undo':
      return { type: 'rollback.failed', data: { problem } };
    case 'point.export':
      return { type: 'export.failed', data: { snapshotUid: job.snapshotUid, problem } };
    case 'rollback.keep':
    case 'disk.settle':
    case 'disk.repair':
      return null;
  }
}

/** What a procedure has left elsewhere whose journal is gone, with its instance: nobody will ask it any more. */
export async function abandon(job: DiskJob, ctx: Pick<ProcedureContext, 'images'>): Promise<void> {
  if (job.type === 'point.export') await withdrawImages(ctx, job.operationId);
}
