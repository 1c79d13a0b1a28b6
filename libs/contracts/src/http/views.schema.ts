import { z } from 'zod';
import {
  Bytes,
  ConsistencySchema,
  HostNameSchema,
  ImageIdSchema,
  InstanceIdSchema,
  LayerUidSchema,
  OperationIdSchema,
  PowerStateSchema,
  ProblemSchema,
  ProjectIdSchema,
  SnapshotUidSchema,
  Time,
} from '../ids.schema.js';
import { PhaseSchema } from '../messages/events.schema.js';

// What the API answers. Only ever added to within /v1.

export const InstanceView = z
  .object({
    id: InstanceIdSchema,
    projectId: ProjectIdSchema,
    name: z.string(),
    host: HostNameSchema,
    /** `unknown`: its host has not been heard of for a while. */
    state: z.union([PowerStateSchema, z.literal('unknown')]),
    virtualSizeBytes: Bytes.nullable(),
    /** Own layers on the host now. */
    chainLength: z.number().int().nullable(),
    /** Why no snapshot of it can be taken; `null`: it can. */
    unsupported: ProblemSchema.nullable(),
    lastRestorePointAt: Time.nullable(),
    /** The operation that runs on it now. */
    operationId: OperationIdSchema.nullable(),
    seenAt: Time,
  })
  .meta({ id: 'Instance' });
export type InstanceView = z.output<typeof InstanceView>;

/** Cinder's words. */
export const SnapshotStatus = z.enum(['creating', 'available', 'restoring', 'deleting', 'error']);
export type SnapshotStatus = z.output<typeof SnapshotStatus>;

export const SnapshotView = z
  .object({
    uid: SnapshotUidSchema,
    instanceId: InstanceIdSchema,
    projectId: ProjectIdSchema,
    name: z.string().nullable(),
    status: SnapshotStatus,
    /** What the guest's file systems could be relied on for. */
    consistency: ConsistencySchema.nullable(),
    /** How long QEMU was busy switching layers: the most a guest's write waited. Milliseconds. */
    stallMs: z.number().nullable(),
    layerUid: LayerUidSchema.nullable(),
    /** The layer that its own layer is an increment on; `null`: the base image. */
    backingUid: LayerUidSchema.nullable(),
    /** Guest bytes in the layer. */
    changedBytes: Bytes.nullable(),
    /** Bytes in the object store. */
    uploadedBytes: Bytes.nullable(),
    /** Whether it also holds what an earlier, failed snapshot could not upload. */
    healed: z.boolean(),
    problem: ProblemSchema.nullable(),
    operationId: OperationIdSchema,
    createdAt: Time,
    /** The moment that the restore point stands for. */
    sealedAt: Time.nullable(),
    availableAt: Time.nullable(),
  })
  .meta({ id: 'Snapshot' });
export type SnapshotView = z.output<typeof SnapshotView>;

export const OperationKind = z.enum(['snapshot', 'rollback', 'undo', 'delete', 'settle', 'repair', 'export']);
export type OperationKind = z.output<typeof OperationKind>;
export const OperationState = z.enum(['queued', 'running', 'succeeded', 'failed', 'cancelled']);
export type OperationState = z.output<typeof OperationState>;

export const OperationView = z
  .object({
    id: OperationIdSchema,
    instanceId: InstanceIdSchema,
    projectId: ProjectIdSchema,
    kind: OperationKind,
    state: OperationState,
    phase: PhaseSchema,
    doneBytes: Bytes,
    totalBytes: Bytes,
    cancellable: z.boolean(),
    snapshotUid: SnapshotUidSchema.nullable(),
    /** What an export has made, once that is there and verified. */
    imageId: ImageIdSchema.nullable().default(null),
    chainLength: z.number().int().nullable(),
    merges: z.array(z.object({ strategy: z.string(), seconds: z.number() })),
    problem: ProblemSchema.nullable(),
    requestId: z.string().nullable(),
    createdAt: Time,
    startedAt: Time.nullable(),
    finishedAt: Time.nullable(),
  })
  .meta({ id: 'Operation' });
export type OperationView = z.output<typeof OperationView>;

export const RollbackView = z
  .object({
    /** Also its operation's id. */
    id: OperationIdSchema,
    instanceId: InstanceIdSchema,
    projectId: ProjectIdSchema,
    kind: z.enum(['rollback', 'undo']),
    /** The restore point gone back to; `null` for an undo. */
    snapshotUid: SnapshotUidSchema.nullable(),
    /** The rollback that an undo takes back. */
    undoes: OperationIdSchema.nullable(),
    state: OperationState,
    phase: PhaseSchema,
    fetchedBytes: Bytes.nullable(),
    localBytes: Bytes.nullable(),
    downtimeMs: z.number().nullable(),
    /** Whether what it replaced is still kept on the host. */
    undoable: z.boolean(),
    problem: ProblemSchema.nullable(),
    createdAt: Time,
    finishedAt: Time.nullable(),
  })
  .meta({ id: 'Rollback' });
export type RollbackView = z.output<typeof RollbackView>;

export const HostView = z
  .object({
    name: HostNameSchema,
    up: z.boolean(),
    version: z.string(),
    versions: z.record(z.string(), z.string()),
    freeBytes: Bytes,
    instances: z.number().int(),
    openJournals: z.number().int(),
    startedAt: Time,
    seenAt: Time,
  })
  .meta({ id: 'Host' });
export type HostView = z.output<typeof HostView>;

/** RFC 9457, with a code that never changes. */
export const ProblemDetails = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    code: z.string(),
    remedy: z.enum(['retry', 'fix-request', 'call-operator']),
    facts: z.record(z.string(), z.string()),
    requestId: z.string(),
  })
  .meta({ id: 'Problem' });
export type ProblemDetails = z.output<typeof ProblemDetails>;

export const pageOf = <Item extends z.ZodType>(item: Item, id: string) =>
  z
    .object({
      items: z.array(item),
      /** Give it as `marker` for the next page; `null`: this is the last. */
      nextMarker: z.string().nullable(),
    })
    .meta({ id });

export const InstancePage = pageOf(InstanceView, 'InstancePage');
export const SnapshotPage = pageOf(SnapshotView, 'SnapshotPage');
export const OperationPage = pageOf(OperationView, 'OperationPage');
export const RollbackPage = pageOf(RollbackView, 'RollbackPage');
export const HostPage = pageOf(HostView, 'HostPage');
export interface Page<Item> {
  items: Item[];
  nextMarker: string | null;
}
