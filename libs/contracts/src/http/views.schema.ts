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

/**
 * `protected`: can go back, and its newest snapshot succeeded. `failing`: the newest one failed, whatever can still be
 * gone back to; one that is under way or was cancelled does not count. `unprotected`: nothing to go back to.
 * `unsupported`: no snapshot can be taken of it, and that does not pass by itself; its `unsupported` says why.
 */
export const Protection = z.enum(['protected', 'failing', 'unprotected', 'unsupported']);
export type Protection = z.output<typeof Protection>;

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
    protection: Protection.default('unprotected'),
    lastRestorePointAt: Time.nullable(),
    /** How many points it can go back to. */
    restorePoints: z.number().int().nonnegative().default(0),
    /** Of all its layers in the object store. */
    storedBytes: Bytes.default(0),
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

export const OperationKind = z.enum(['snapshot', 'rollback', 'undo', 'keep', 'delete', 'settle', 'repair', 'export']);
export type OperationKind = z.output<typeof OperationKind>;
export const OperationState = z.enum(['queued', 'running', 'succeeded', 'failed', 'cancelled']);
export type OperationState = z.output<typeof OperationState>;

export const OperationView = z
  .object({
    id: OperationIdSchema,
    instanceId: InstanceIdSchema,
    /** As it is called now; `null`: it is gone. */
    instanceName: z.string().nullable().default(null),
    projectId: ProjectIdSchema,
    /** Where it is worked on. */
    host: HostNameSchema.nullable().default(null),
    /** Who asked for it. */
    userId: z.string().nullable().default(null),
    kind: OperationKind,
    state: OperationState,
    phase: PhaseSchema,
    doneBytes: Bytes,
    totalBytes: Bytes,
    /** Whether asking for it now can still do something. */
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
    /** Somebody has asked for its cancelling; the end says whether that came in time. */
    cancelRequested: z.boolean().default(false),
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
    /** What that takes on the host; `null`: nothing is kept, or nobody knows. */
    keptBytes: Bytes.nullable().default(null),
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
    /** Of its worker, by the names of the environment variables; without what is secret. */
    settings: z.record(z.string(), z.string()).default({}),
    startedAt: Time,
    seenAt: Time,
  })
  .meta({ id: 'Host' });
export type HostView = z.output<typeof HostView>;

// ---- an instance's disk, in time and on its host

/** One own layer of an instance, as its host has it now. */
export const ChainLayerView = z.object({
  /** `history`: all up to the newest stored restore point, merged. `sealed`: what a snapshot sealed; not merged yet. */
  role: z.enum(['history', 'sealed', 'active']),
  /** Whose state the layer, with all below it, shows; `null`: of the active layer, whose state is no restore point's. */
  layerUid: LayerUidSchema.nullable(),
  /** Whether the object store has that state, whole and verified. */
  stored: z.boolean(),
  /** The restore point of that state. */
  snapshotUid: SnapshotUidSchema.nullable(),
  snapshotName: z.string().nullable(),
  /** Length of the file. */
  fileBytes: Bytes,
  /** What it takes on the host's disk: a layer has holes. */
  allocatedBytes: Bytes,
});
export type ChainLayerView = z.output<typeof ChainLayerView>;

export const ChainView = z
  .object({
    instanceId: InstanceIdSchema,
    /** `null`: nobody knows. */
    base: z
      .object({
        /** File name alone. */
        name: z.string(),
        sizeBytes: Bytes.nullable(),
      })
      .nullable(),
    /** The instance's own, lowest first; the last one is the active layer. */
    layers: z.array(ChainLayerView),
    /** When the host looked; `null`: it has not said anything yet, and `layers` is empty. */
    observedAt: Time.nullable(),
  })
  .meta({ id: 'Chain' });
export type ChainView = z.output<typeof ChainView>;

/** A restore point, or a failed try at one, on the time line. */
export const TimelinePoint = SnapshotView.extend({
  /** Index of the branch that it lies on. */
  branch: z.number().int().nonnegative(),
}).meta({ id: 'TimelinePoint' });
export type TimelinePoint = z.output<typeof TimelinePoint>;

/** Many points in one, where they would lie on top of each other. */
export const TimelineBucket = z
  .object({
    from: Time,
    to: Time,
    branch: z.number().int().nonnegative(),
    available: z.number().int().nonnegative(),
    failed: z.number().int().nonnegative(),
    changedBytes: Bytes,
    /** Its newest that can be gone back to. */
    newest: z.object({ uid: SnapshotUidSchema, sealedAt: Time }).nullable(),
  })
  .meta({ id: 'TimelineBucket' });
export type TimelineBucket = z.output<typeof TimelineBucket>;

/** Between two rollbacks an instance is on one branch. Branches are numbered in the order in which they began. */
export const TimelineBranch = z
  .object({
    branch: z.number().int().nonnegative(),
    /** The restore point it goes out from; `null`: the first branch. An undo begins none: it comes back to one. */
    parentUid: SnapshotUidSchema.nullable(),
    /** `null` also where that was deleted since. */
    parentAt: Time.nullable(),
    /**
     * When the instance was on it, in order; `rollbackId` is the rollback or undo that brought it there. `to` is `null`
     * where it is now.
     */
    spans: z.array(z.object({ from: Time, to: Time.nullable(), rollbackId: OperationIdSchema.nullable() })),
  })
  .meta({ id: 'TimelineBranch' });
export type TimelineBranch = z.output<typeof TimelineBranch>;

export const TimelineView = z
  .object({
    instanceId: InstanceIdSchema,
    /** What is shown. */
    from: Time,
    to: Time,
    /** Of the instance's points altogether; `null`: it has none. */
    firstAt: Time.nullable(),
    lastAt: Time.nullable(),
    /** Points between `from` and `to`. */
    total: z.number().int().nonnegative(),
    /** Each of them, oldest first, where there are at most as many as were asked for; else empty. */
    points: z.array(TimelinePoint),
    /** All of them in groups, oldest first, where there are more; else empty. */
    buckets: z.array(TimelineBucket),
    branches: z.array(TimelineBranch),
    /** Where the instance is: its branch, and the restore point that its disk is an increment on. */
    here: z.object({ branch: z.number().int().nonnegative(), snapshotUid: SnapshotUidSchema.nullable() }),
  })
  .meta({ id: 'Timeline' });
export type TimelineView = z.output<typeof TimelineView>;

// ---- before one clicks

const Expected = z.object({
  /** Median of the last ones. */
  ms: z.number().nonnegative(),
  /** How many those were, and whose. */
  samples: z.number().int().positive(),
  of: z.enum(['instance', 'host', 'all']),
});

export const SnapshotEstimate = z
  .object({
    instanceId: InstanceIdSchema,
    /** What has been written since the last one, at most; `null`: the host has not said. */
    changedBytesAtMost: Bytes.nullable(),
    /** How long the guest waits. `null` where nothing like it was seen yet; so too below. */
    stall: Expected.nullable(),
    /** From the click until it is stored and verified. */
    duration: Expected.nullable(),
    /** Why it would be refused now; `null`: it would not. */
    refusal: ProblemSchema.nullable(),
  })
  .meta({ id: 'SnapshotEstimate' });
export type SnapshotEstimate = z.output<typeof SnapshotEstimate>;

export const RollbackPlanView = z
  .object({
    instanceId: InstanceIdSchema,
    target: SnapshotView,
    /** From the object store, at most; what the host has of the target is not fetched. */
    fetchBytesAtMost: Bytes,
    /** From the request to stop until it runs again, without the guest's own boot. */
    downtime: Expected.nullable(),
    /** What was written since the last snapshot: no restore point has it, the undo alone brings it back. */
    unsavedBytesAtMost: Bytes.nullable(),
    /** Restore points newer than the target. They stay. */
    newerRestorePoints: z.number().int().nonnegative(),
    /** A rollback that could still be undone and after this one can't. */
    endsUndoOf: OperationIdSchema.nullable(),
    refusal: ProblemSchema.nullable(),
  })
  .meta({ id: 'RollbackPlan' });
export type RollbackPlanView = z.output<typeof RollbackPlanView>;

// ---- how an operation went

export const StepView = z.object({
  name: z.string(),
  state: z.enum(['running', 'done', 'failed', 'undone']),
  startedAt: Time,
  finishedAt: Time.nullable(),
  /** What is to be said beyond its name, e.g. why it failed. */
  detail: z.string().nullable(),
});
export type StepView = z.output<typeof StepView>;

/** The journal of its host, in the order of beginning. */
export const StepsView = z.object({ operationId: OperationIdSchema, items: z.array(StepView) }).meta({ id: 'Steps' });
export type StepsView = z.output<typeof StepsView>;

// ---- live

/** Something about the instance has changed: ask for what of it is of interest. */
export const InstanceHint = z.object({ id: InstanceIdSchema }).meta({ id: 'InstanceHint' });
export type InstanceHint = z.output<typeof InstanceHint>;

// ---- all of it at a glance

export const OverviewView = z
  .object({
    instances: z.object({
      total: z.number().int(),
      protected: z.number().int(),
      failing: z.number().int(),
      unprotected: z.number().int(),
      unsupported: z.number().int(),
    }),
    /** Instances that can go back, by the age of their newest point. */
    lastPointAges: z.object({
      hour: z.number().int(),
      day: z.number().int(),
      week: z.number().int(),
      older: z.number().int(),
    }),
    restorePoints: z.number().int(),
    newestRestorePointAt: Time.nullable(),
    /** Whose newest point is the oldest; of those that are not deleted. */
    stalest: z.object({ instanceId: InstanceIdSchema, name: z.string(), at: Time }).nullable(),
    operations: z.object({ queued: z.number().int(), running: z.number().int(), failedLastDay: z.number().int() }),
    storedBytes: Bytes,
    /** Had each restore point been stored as a whole disk, of its virtual size. */
    fullCopiesBytes: Bytes,
    /** For administrators alone. */
    hosts: z.object({ up: z.number().int(), down: z.number().int() }).nullable(),
    at: Time,
  })
  .meta({ id: 'Overview' });
export type OverviewView = z.output<typeof OverviewView>;

export const StorageHistory = z
  .object({
    /**
     * Oldest first, evenly spread; each with what there was at that moment of what is there still: what was deleted since
     * is in none. `fullCopiesBytes`: had each restore point been stored as a whole disk, of its virtual size.
     */
    items: z.array(z.object({ at: Time, storedBytes: Bytes, fullCopiesBytes: Bytes, restorePoints: z.number().int() })),
  })
  .meta({ id: 'StorageHistory' });
export type StorageHistory = z.output<typeof StorageHistory>;

// ---- who

/** How one logs in here; told to everybody. */
export const AboutView = z
  .object({ version: z.string(), identity: z.enum(['static', 'keystone']) })
  .meta({ id: 'About' });
export type AboutView = z.output<typeof AboutView>;

export const SessionView = z
  .object({
    userId: z.string(),
    projectId: ProjectIdSchema,
    roles: z.array(z.string()),
    /** `null`: it does not by itself. */
    expiresAt: Time.nullable(),
    /** Whether lists are of all projects. */
    allProjects: z.boolean(),
    /** Actions of the policy that are allowed on things of one's own project. */
    may: z.array(z.string()),
  })
  .meta({ id: 'Session' });
export type SessionView = z.output<typeof SessionView>;

/** A new token, and whose it is. */
export const LoginView = z
  .object({
    token: z.string(),
    session: SessionView,
    userName: z.string().nullable(),
    projectName: z.string().nullable(),
    /** Those that the user may change to by logging in with this token; empty where that is not known. */
    projects: z.array(z.object({ id: ProjectIdSchema, name: z.string() })),
  })
  .meta({ id: 'Login' });
export type LoginView = z.output<typeof LoginView>;

export const AuditView = z
  .object({
    id: z.string(),
    at: Time,
    userId: z.string(),
    projectId: z.string(),
    action: z.string(),
    target: z.string(),
    outcome: z.enum(['accepted', 'denied']),
    code: z.string().nullable(),
    client: z.string().nullable(),
    /** It stands for so many requests that were alike. */
    times: z.number().int(),
    requestId: z.string(),
  })
  .meta({ id: 'AuditEntry' });
export type AuditView = z.output<typeof AuditView>;

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
export const AuditPage = pageOf(AuditView, 'AuditPage');
export interface Page<Item> {
  items: Item[];
  nextMarker: string | null;
}
