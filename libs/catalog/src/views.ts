import type {
  AuditView,
  HostView,
  InstanceView,
  OperationView,
  RollbackView,
  SnapshotView,
  Step,
  StepsView,
} from '@varve/contracts';
import type { HostEntity } from './host.entity.js';
import type { InstanceEntity } from './instance.entity.js';
import type { InstanceFacts } from './instances.repository.js';
import type { LayerEntity } from './layer.entity.js';
import type { OperationEntity } from './operation.entity.js';
import type { AuditEntity } from './request-log.entity.js';
import type { RestorePointEntity } from './restore-point.entity.js';

// The catalog's rows as the API shows them.

const iso = (at: Date | null): string | null => at?.toISOString() ?? null;

export const isOver = (operation: Pick<OperationEntity, 'settledBy'>): boolean => operation.settledBy !== null;

export const instanceView = ({
  instance,
  hostUp,
  summary,
  protection,
  operationId,
  obstacle,
}: InstanceFacts): InstanceView => ({
  id: instance.id,
  projectId: instance.projectId,
  name: instance.name,
  host: instance.host,
  state: hostUp ? instance.state : 'unknown',
  virtualSizeBytes: instance.virtualSizeBytes,
  chainLength: instance.chainLength,
  // What Nova is doing with it explains what its host finds, such as a disk that is half gone.
  unsupported: problemView({ problem: obstacle ?? instance.unsupported }),
  protection,
  lastRestorePointAt: iso(summary.lastPointAt),
  restorePoints: summary.restorePoints,
  storedBytes: summary.storedBytes,
  operationId,
  seenAt: instance.seenAt.toISOString(),
});

export const snapshotView = (point: RestorePointEntity, layer: LayerEntity | undefined): SnapshotView => ({
  uid: point.uid,
  instanceId: point.instanceId,
  projectId: point.projectId,
  name: point.name,
  status: point.status,
  consistency: point.consistency,
  stallMs: point.stallMs,
  layerUid: point.layerUid,
  backingUid: layer?.backingUid ?? null,
  changedBytes: layer?.changedBytes ?? null,
  uploadedBytes: layer?.objectBytes ?? null,
  healed: point.healed,
  problem: problemView(point),
  operationId: point.operationId,
  createdAt: point.createdAt.toISOString(),
  sealedAt: iso(point.sealedAt),
  availableAt: iso(point.availableAt),
});

const problemView = ({ problem }: Pick<OperationEntity, 'problem'>): OperationView['problem'] =>
  problem && { ...problem, facts: { ...problem.facts } };

/**
 * How far it is, from the same row as whether it is over: an operation that ended well can't go on at 90 %. One that broke
 * off stays in the phase that it did so in.
 */
const progressOf = (operation: OperationEntity): Pick<OperationView, 'phase' | 'doneBytes' | 'totalBytes'> => ({
  phase: operation.state === 'succeeded' ? 'finishing' : operation.phase,
  doneBytes: operation.state === 'succeeded' ? operation.totalBytes : operation.doneBytes,
  totalBytes: operation.totalBytes,
});

export const operationView = (operation: OperationEntity): OperationView => ({
  id: operation.id,
  instanceId: operation.instanceId,
  instanceName: operation.instanceName,
  projectId: operation.projectId,
  host: operation.host,
  userId: operation.userId,
  kind: operation.kind,
  state: operation.state,
  ...progressOf(operation),
  cancellable: !isOver(operation) && !operation.pastNoReturn && !operation.cancelRequested,
  cancelRequested: operation.cancelRequested,
  snapshotUid: operation.snapshotUid,
  imageId: operation.imageId,
  chainLength: operation.chainLength,
  merges: operation.merges,
  problem: problemView(operation),
  requestId: operation.requestId,
  createdAt: operation.createdAt.toISOString(),
  startedAt: iso(operation.startedAt),
  finishedAt: iso(operation.finishedAt),
});

/** Where its host fell silent, the step that it was at goes on no more as far as anybody knows. */
export const stepsView = (operation: OperationEntity, steps: readonly Step[]): StepsView => ({
  operationId: operation.id,
  items: steps.map((step) =>
    step.state === 'running' && isOver(operation)
      ? {
          ...step,
          state: 'failed',
          finishedAt: iso(operation.finishedAt),
          detail: operation.problem?.message ?? null,
        }
      : step,
  ),
});

type ToldChain = Pick<InstanceEntity, 'chain' | 'chainAt'>;

/**
 * Whether what a rollback replaced is certain not to be on the host any more: others than we may have made the disk anew,
 * or a repair may have had to do without. Both times are by the host's clock.
 */
export const isKnownGone = ({ id, finishedAt }: OperationEntity, told: ToldChain | null): boolean =>
  Boolean(told?.chain && told.chainAt && finishedAt && told.chainAt > finishedAt) &&
  told?.chain?.kept?.rollbackId !== id;

/**
 * @param latest - the instance's latest rollback that succeeded: only what that one replaced is still kept
 * @param told - what the instance's host has told of its chain
 */
export const rollbackView = (
  operation: OperationEntity,
  latest: OperationEntity | null,
  told: ToldChain | null = null,
): RollbackView => ({
  id: operation.id,
  instanceId: operation.instanceId,
  projectId: operation.projectId,
  kind: operation.kind === 'undo' ? 'undo' : 'rollback',
  snapshotUid: operation.snapshotUid,
  undoes: operation.undoes,
  state: operation.state,
  phase: progressOf(operation).phase,
  fetchedBytes: operation.fetchedBytes,
  localBytes: operation.localBytes,
  downtimeMs: operation.downtimeMs,
  undoable: latest?.id === operation.id && !isKnownGone(operation, told),
  keptBytes:
    latest?.id === operation.id && told?.chain?.kept?.rollbackId === operation.id
      ? told.chain.kept.allocatedBytes
      : null,
  problem: problemView(operation),
  createdAt: operation.createdAt.toISOString(),
  finishedAt: iso(operation.finishedAt),
});

export const auditView = (entry: AuditEntity): AuditView => ({
  id: entry.id,
  at: entry.at.toISOString(),
  userId: entry.userId,
  projectId: entry.projectId,
  action: entry.action,
  target: entry.target,
  outcome: entry.outcome,
  code: entry.code,
  client: entry.client,
  times: entry.times,
  requestId: entry.requestId,
});

export const hostView = ({ host, instances, up }: { host: HostEntity; instances: number; up: boolean }): HostView => ({
  name: host.name,
  up,
  version: host.version,
  versions: host.versions,
  freeBytes: host.freeBytes,
  instances,
  openJournals: host.openJournals,
  settings: host.settings,
  startedAt: host.startedAt.toISOString(),
  seenAt: host.seenAt.toISOString(),
});
