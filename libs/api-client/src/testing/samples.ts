import { randomUUID } from 'node:crypto';
import {
  HostView,
  InstanceView,
  OperationView,
  OverviewView,
  RollbackPlanView,
  RollbackView,
  SessionView,
  SnapshotEstimate,
  SnapshotView,
  StorageHistory,
  TimelineView,
} from '@varve/contracts';
import type { z } from 'zod';

// One of each thing the API speaks of, through its schema.

const at = '2026-11-22T12:00:00.000Z';

export const instanceOf = (name: string, change: Partial<z.input<typeof InstanceView>> = {}): InstanceView =>
  InstanceView.parse({
    id: randomUUID(),
    projectId: 'demo',
    name,
    host: 'node-1',
    state: 'running',
    virtualSizeBytes: 10 * 1024 ** 3,
    chainLength: 2,
    unsupported: null,
    lastRestorePointAt: at,
    operationId: null,
    seenAt: at,
    ...change,
  });

export const operationOf = (instanceId: string, change: Partial<z.input<typeof OperationView>> = {}): OperationView =>
  OperationView.parse({
    id: randomUUID(),
    instanceId,
    projectId: 'demo',
    kind: 'snapshot',
    state: 'queued',
    phase: 'queued',
    doneBytes: 0,
    totalBytes: 0,
    cancellable: true,
    snapshotUid: null,
    chainLength: null,
    merges: [],
    problem: null,
    requestId: 'req-1',
    createdAt: at,
    startedAt: null,
    finishedAt: null,
    ...change,
  });

export const snapshotOf = (
  operation: Pick<OperationView, 'id' | 'instanceId'>,
  change: Partial<z.input<typeof SnapshotView>> = {},
): SnapshotView =>
  SnapshotView.parse({
    uid: randomUUID(),
    instanceId: operation.instanceId,
    projectId: 'demo',
    name: null,
    status: 'creating',
    consistency: null,
    stallMs: null,
    layerUid: null,
    backingUid: null,
    changedBytes: null,
    uploadedBytes: null,
    healed: false,
    problem: null,
    operationId: operation.id,
    createdAt: at,
    sealedAt: null,
    availableAt: null,
    ...change,
  });

/** A restore point. */
export const availableOf = (
  instanceId: string,
  sealedAt: string,
  change: Partial<z.input<typeof SnapshotView>> = {},
): SnapshotView =>
  snapshotOf(operationOf(instanceId), {
    status: 'available',
    sealedAt,
    availableAt: sealedAt,
    consistency: 'filesystem',
    stallMs: 2.1,
    changedBytes: 3 * 1024 ** 2,
    uploadedBytes: 2 * 1024 ** 2,
    ...change,
  });

export const rollbackOf = (
  operation: Pick<OperationView, 'id' | 'instanceId'>,
  change: Partial<z.input<typeof RollbackView>> = {},
): RollbackView =>
  RollbackView.parse({
    id: operation.id,
    instanceId: operation.instanceId,
    projectId: 'demo',
    kind: 'rollback',
    snapshotUid: null,
    undoes: null,
    state: 'queued',
    phase: 'queued',
    fetchedBytes: null,
    localBytes: null,
    downtimeMs: null,
    undoable: false,
    problem: null,
    createdAt: at,
    finishedAt: null,
    ...change,
  });

export const hostOf = (name: string, change: Partial<z.input<typeof HostView>> = {}): HostView =>
  HostView.parse({
    name,
    up: true,
    version: '0.1.0',
    versions: { qemu: '7.2.22' },
    freeBytes: 50 * 1024 ** 3,
    instances: 2,
    openJournals: 0,
    startedAt: at,
    seenAt: at,
    ...change,
  });

type Refusal = RollbackPlanView['refusal'];

export const estimateOf = (instanceId: string, refusal: Refusal = null): SnapshotEstimate =>
  SnapshotEstimate.parse({
    instanceId,
    changedBytesAtMost: 3 * 1024 ** 2,
    stall: { ms: 1.8, samples: 12, of: 'instance' },
    duration: null,
    refusal,
  });

export const planOf = (instanceId: string, target: SnapshotView, refusal: Refusal = null): RollbackPlanView =>
  RollbackPlanView.parse({
    instanceId,
    target,
    fetchBytesAtMost: 11 * 1024 ** 2,
    downtime: { ms: 300, samples: 3, of: 'host' },
    unsavedBytesAtMost: 2 * 1024 ** 2,
    newerRestorePoints: 1,
    endsUndoOf: null,
    refusal,
  });

export const overviewOf = (instances: readonly InstanceView[]): OverviewView => {
  const count = (how: InstanceView['protection']): number => instances.filter((one) => one.protection === how).length;
  return OverviewView.parse({
    instances: {
      total: instances.length,
      protected: count('protected'),
      failing: count('failing'),
      unprotected: count('unprotected'),
      unsupported: count('unsupported'),
    },
    lastPointAges: { hour: 1, day: 0, week: 0, older: 0 },
    restorePoints: 3,
    newestRestorePointAt: at,
    stalest: null,
    operations: { queued: 0, running: 1, failedLastDay: 0 },
    storedBytes: 12 * 1024 ** 2,
    fullCopiesBytes: 30 * 1024 ** 3,
    hosts: { up: 1, down: 0 },
    at,
  });
};

export const STORAGE = StorageHistory.parse({
  items: [{ at, storedBytes: 12 * 1024 ** 2, fullCopiesBytes: 30 * 1024 ** 3, restorePoints: 3 }],
});

/** One branch; the disk stands on the newest. */
export const timelineOf = (instanceId: string, snapshots: readonly SnapshotView[]): TimelineView =>
  TimelineView.parse({
    instanceId,
    from: '2026-01-01T00:00:00.000Z',
    to: '2026-12-31T00:00:00.000Z',
    firstAt: snapshots.at(-1)?.createdAt ?? null,
    lastAt: snapshots[0]?.createdAt ?? null,
    total: snapshots.length,
    points: snapshots.map((point) => ({ ...point, branch: 0 })).reverse(),
    buckets: [],
    branches: [],
    here: { branch: 0, snapshotUid: snapshots[0]?.uid ?? null },
  });

export const SESSION = SessionView.parse({
  userId: 'ann',
  projectId: 'demo',
  roles: ['member'],
  expiresAt: null,
  allProjects: false,
  may: ['snapshots:create'],
});
