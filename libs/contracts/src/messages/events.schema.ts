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
  Sha256,
  SnapshotUidSchema,
  Time,
} from '../ids.schema.js';
import { ChainSchema, StepSchema } from './host-facts.schema.js';

// Worker to everybody, exchange `varve.events`, routing key = type; CloudEvents 1.0, structured JSON. `operation.progress`,
// `operation.step`, `instance.chain` and `host.heartbeat` may be lost; everything else is published with a confirm before
// the journal is closed. Ordered per instance, may come twice.

export const StoredLayerSchema = z.object({
  uid: LayerUidSchema,
  /** `null`: it stands on the base image. */
  backingUid: LayerUidSchema.nullable(),
  baseSha256: Sha256.nullable(),
  objectKey: z.string(),
  manifestKey: z.string(),
  manifestSha256: Sha256,
  sha256: Sha256,
  objectBytes: Bytes,
  fileBytes: Bytes,
  changedBytes: Bytes,
  virtualSizeBytes: Bytes,
});

const operation = { operationId: OperationIdSchema, instanceId: InstanceIdSchema };

/** The parts of a procedure that take long enough to be watched. */
export const PhaseSchema = z.enum([
  'queued',
  'capturing',
  'uploading',
  'merging',
  'fetching',
  'restoring',
  'finishing',
]);
export type Phase = z.output<typeof PhaseSchema>;

const data = {
  /** The journal is on the host's disk: from now on the host owns the work. */
  'operation.accepted': z.object({ ...operation, epoch: z.number().int() }),
  /** May be lost. */
  'operation.progress': z.object({
    ...operation,
    phase: PhaseSchema,
    doneBytes: Bytes,
    totalBytes: Bytes,
    pastNoReturn: z.boolean(),
  }),
  /** A step of it has begun or ended. May be lost: `operation.finished` has them all once more. */
  'operation.step': z.object({ ...operation, step: StepSchema }),
  /** The last word on an operation. */
  'operation.finished': z.object({
    ...operation,
    state: z.enum(['succeeded', 'failed', 'cancelled']),
    problem: ProblemSchema.nullable(),
    /** Own layers at the end; `null`: not known, e.g. because the job was refused. */
    chainLength: z.number().int().nonnegative().nullable(),
    /** The newest stored state that the instance's chain stands on; `null`: the base image; absent: not known. */
    headLayerUid: LayerUidSchema.nullable().optional(),
    /** What the layers below the active one show, stored or not; `null`: there are none; absent: not known. */
    topLayerUid: LayerUidSchema.nullable().optional(),
    /** How the layers were merged, for operators and benchmarks. */
    merges: z.array(z.object({ strategy: z.enum(['in-place', 'copy', 'offline']), seconds: z.number() })).default([]),
    /** In the order of beginning; absent: the host does not tell. */
    steps: z.array(StepSchema).optional(),
  }),
  'snapshot.sealed': z.object({
    ...operation,
    snapshotUid: SnapshotUidSchema,
    sealedAt: Time,
    /** QEMU's time for the switch; `null` where there was none (stopped instance). */
    stallMs: z.number().nonnegative().nullable(),
    consistency: ConsistencySchema,
    powerState: PowerStateSchema,
  }),
  'snapshot.available': z.object({
    ...operation,
    snapshotUid: SnapshotUidSchema,
    layer: StoredLayerSchema,
    /** Whether what a failed snapshot had left behind is in this layer too. */
    healed: z.boolean(),
  }),
  'snapshot.failed': z.object({ ...operation, snapshotUid: SnapshotUidSchema, problem: ProblemSchema }),
  'rollback.completed': z.object({
    ...operation,
    /** From the store, as compressed there. */
    fetchedBytes: Bytes,
    /** Guest bytes taken from what the host had. */
    localBytes: Bytes,
    /** From the request to stop until the instance ran again; 0 when it was stopped before. */
    downtimeMs: z.number().nonnegative(),
  }),
  'rollback.failed': z.object({ ...operation, problem: ProblemSchema }),
  'export.completed': z.object({
    ...operation,
    snapshotUid: SnapshotUidSchema,
    /** Active, and its content what was sent. */
    imageId: ImageIdSchema,
    sizeBytes: Bytes,
    /** Lower-case hex, of the whole image file. */
    sha512: z.string().regex(/^[0-9a-f]{128}$/),
    /** From the store, as compressed there. */
    fetchedBytes: Bytes,
  }),
  'export.failed': z.object({ ...operation, snapshotUid: SnapshotUidSchema, problem: ProblemSchema }),
  /** Its chain on the host is another one. May be lost: a heartbeat has it as well. */
  'instance.chain': z.object({ host: HostNameSchema, instanceId: InstanceIdSchema, chain: ChainSchema }),
  /** May be lost: the next one has it all. */
  'host.heartbeat': z.object({
    host: HostNameSchema,
    version: z.string(),
    startedAt: Time,
    versions: z.record(z.string(), z.string()),
    freeBytes: Bytes,
    openJournals: z.number().int().nonnegative(),
    /** Of the worker, by the names of the environment variables; nothing that is secret. Absent: it does not tell. */
    settings: z.record(z.string(), z.string()).optional(),
    instances: z.array(
      z.object({
        id: InstanceIdSchema,
        projectId: ProjectIdSchema,
        name: z.string(),
        state: PowerStateSchema,
        virtualSizeBytes: Bytes.nullable(),
        chainLength: z.number().int().nonnegative().nullable(),
        /** Why no snapshot of it can be taken; `null`: it can. */
        unsupported: ProblemSchema.nullable(),
        /** `null`: it could not be looked at; absent: the host does not tell. */
        chain: ChainSchema.nullable().optional(),
      }),
    ),
  }),
};

const event = <Type extends keyof typeof data>(type: Type) =>
  z.object({
    specversion: z.literal('1.0'),
    /** The same when an event is sent again. */
    id: z.string(),
    /** `/varve/hosts/<host>` */
    source: z.string(),
    type: z.literal(type),
    /** The instance; the host for a heartbeat. */
    subject: z.string(),
    time: Time,
    datacontenttype: z.literal('application/json'),
    data: data[type],
  });

export const VarveEvent = z.discriminatedUnion('type', [
  event('operation.accepted'),
  event('operation.progress'),
  event('operation.step'),
  event('operation.finished'),
  event('snapshot.sealed'),
  event('snapshot.available'),
  event('snapshot.failed'),
  event('rollback.completed'),
  event('rollback.failed'),
  event('export.completed'),
  event('export.failed'),
  event('instance.chain'),
  event('host.heartbeat'),
]);
export type VarveEvent = z.output<typeof VarveEvent>;
export type EventType = VarveEvent['type'];
export type EventOf<Type extends EventType> = Extract<VarveEvent, { type: Type }>;
export type EventData<Type extends EventType> = EventOf<Type>['data'];
