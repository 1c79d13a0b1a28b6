import { z } from 'zod';
import { InstanceIdSchema, OperationIdSchema, QuiesceSchema, SnapshotUidSchema, Time } from '../ids.schema.js';
import { OperationState, SnapshotStatus } from './views.schema.js';

// What the API is asked. Strict: a misspelt field is an error and not ignored.

export const InstanceIdParam = z.strictObject({ instanceId: InstanceIdSchema });
export const SnapshotUidParam = z.strictObject({ snapshotUid: SnapshotUidSchema });
export const OperationIdParam = z.strictObject({ operationId: OperationIdSchema });

const Name = z
  .string()
  .trim()
  .min(1)
  .max(255)
  .regex(/^[^\p{Cc}]*$/u, 'no control characters');

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
  marker: z.string().max(200).optional(),
};

export const PageQuery = z.strictObject(paging);
export type PageQuery = z.output<typeof PageQuery>;

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
});
export type OperationQuery = z.output<typeof OperationQuery>;
