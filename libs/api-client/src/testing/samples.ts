import { randomUUID } from 'node:crypto';
import { HostView, InstanceView, OperationView, RollbackView, SnapshotView } from '@varve/contracts';
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
