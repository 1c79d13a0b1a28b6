import { z } from 'zod';
import {
  HostNameSchema,
  InstanceIdSchema,
  OperationIdSchema,
  ProjectIdSchema,
  QuiesceSchema,
  SnapshotUidSchema,
  Time,
} from '../ids.schema.js';
import { OperationKind, OperationState, Protection, SnapshotStatus } from './views.schema.js';

// What the API is asked. Strict: a misspelt field is an error and not ignored.

export const InstanceIdParam = z.strictObject({ instanceId: InstanceIdSchema });
export const SnapshotUidParam = z.strictObject({ snapshotUid: SnapshotUidSchema });
export const OperationIdParam = z.strictObject({ operationId: OperationIdSchema });

/** On one line, and without the byte that Postgres has no text for. */
const Text = z
  .string()
  .trim()
  .max(255)
  .regex(/^[^\p{Cc}]*$/u, 'no control characters');
const Name = Text.min(1);

export const CreateSnapshot = z
  .strictObject({
    /** Printable, up to 255 characters; never part of a path or key. */
    name: Name.optional(),
    quiesce: QuiesceSchema.default('try'),
  })
  .meta({ id: 'CreateSnapshot' });
export type CreateSnapshot = z.output<typeof CreateSnapshot>;

export const CreateRollback = z
  .union([
    z.strictObject({ snapshotUid: SnapshotUidSchema }),
    /** The newest restore point that is not later. */
    z.strictObject({ at: Time }),
  ])
  .meta({ id: 'CreateRollback' });
export type CreateRollback = z.output<typeof CreateRollback>;

/** As what a restore point becomes an image of the cloud. */
export const CreateExport = z
  .strictObject({
    name: Name,
    /** What the owner may not say by itself, as `public`, is for the image service to ask an administrator for. */
    visibility: z.enum(['private', 'shared']).default('private'),
    /** `raw` sends the whole virtual disk, zeros and all. */
    diskFormat: z.enum(['qcow2', 'raw']).default('qcow2'),
  })
  .meta({ id: 'CreateExport' });
export type CreateExport = z.output<typeof CreateExport>;

export const RepairInstance = z
  .strictObject({
    /** Take the disk for right as it is, though it has lost the layers that it stood on. */
    acceptDisk: z.boolean().default(false),
  })
  .prefault({})
  .meta({ id: 'RepairInstance' });
export type RepairInstance = z.output<typeof RepairInstance>;

const paging = {
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  /** The `nextMarker` of the page before. */
  marker: z.string().max(4096).optional(),
};

export const PageQuery = z.strictObject(paging);
export type PageQuery = z.output<typeof PageQuery>;

const order = z.enum(['asc', 'desc']).default('asc');

export const InstanceQuery = z.strictObject({
  ...paging,
  /** Part of its name, or the beginning of its id; capitals or not. */
  search: Name.optional(),
  protection: Protection.optional(),
  host: HostNameSchema.optional(),
  projectId: ProjectIdSchema.optional(),
  sort: z.enum(['id', 'name', 'host', 'lastRestorePointAt', 'storedBytes', 'virtualSizeBytes']).default('id'),
  order,
});
export type InstanceQuery = z.output<typeof InstanceQuery>;

export const TimelineQuery = z.strictObject({
  /** Without: from its first point on. */
  from: Time.optional(),
  /** Without: until now. */
  to: Time.optional(),
  /** Up to so many points are given one by one; more come in at most as many groups for each branch. */
  points: z.coerce.number().int().min(10).max(2000).default(400),
});
export type TimelineQuery = z.output<typeof TimelineQuery>;

/** One of both, as {@link CreateRollback}; no union, because OpenAPI knows a query only as a list of parameters. */
export const RollbackPlanQuery = z
  .strictObject({ snapshotUid: SnapshotUidSchema.optional(), at: Time.optional() })
  .transform(({ snapshotUid, at }, context): CreateRollback => {
    if (snapshotUid !== undefined && at === undefined) return { snapshotUid };
    if (at !== undefined && snapshotUid === undefined) return { at };
    context.addIssue('either snapshotUid or at');
    return z.NEVER;
  });
export type RollbackPlanQuery = z.output<typeof RollbackPlanQuery>;

export const StorageQuery = z.strictObject({
  from: Time.optional(),
  to: Time.optional(),
  points: z.coerce.number().int().min(2).max(400).default(60),
});
export type StorageQuery = z.output<typeof StorageQuery>;

export const AuditQuery = z.strictObject({
  ...paging,
  from: Time.optional(),
  to: Time.optional(),
  userId: Text.optional(),
  projectId: Text.optional(),
  action: Text.max(100).optional(),
  outcome: z.enum(['accepted', 'denied']).optional(),
});
export type AuditQuery = z.output<typeof AuditQuery>;

/** What to hear of; all that one may see where nothing is said. */
export const EventsQuery = z.strictObject({ instanceId: InstanceIdSchema.optional() });
export type EventsQuery = z.output<typeof EventsQuery>;

const secret = z.string().min(1).max(4096);
/** How to come by a token. What is sent is never logged. */
export const Login = z
  .discriminatedUnion('method', [
    /** One that the caller has already; with `projectId`, a new one for that project. */
    z.strictObject({ method: z.literal('token'), token: secret, projectId: ProjectIdSchema.optional() }),
    /** Without a project: the user's own default one, else the first that there is. */
    z.strictObject({
      method: z.literal('password'),
      user: Name,
      domain: Name.default('Default'),
      password: secret,
      project: Name.optional(),
      projectDomain: Name.optional(),
    }),
    z.strictObject({ method: z.literal('application_credential'), id: Name, secret }),
  ])
  .meta({ id: 'LoginRequest' });
export type Login = z.output<typeof Login>;

export const SnapshotQuery = z.strictObject({ ...paging, status: SnapshotStatus.optional() });
export type SnapshotQuery = z.output<typeof SnapshotQuery>;

/** Restore points that can be gone back to, newest first. */
export const RestorePointQuery = z.strictObject({
  ...paging,
  from: Time.optional(),
  to: Time.optional(),
});
export type RestorePointQuery = z.output<typeof RestorePointQuery>;

export const OperationQuery = z.strictObject({
  ...paging,
  instanceId: InstanceIdSchema.optional(),
  state: OperationState.optional(),
  kind: OperationKind.optional(),
  host: HostNameSchema.optional(),
  /** Whether it is queued or running. */
  active: z.stringbool().optional(),
});
export type OperationQuery = z.output<typeof OperationQuery>;
