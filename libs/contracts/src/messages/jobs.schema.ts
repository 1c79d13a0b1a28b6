import { z } from 'zod';
import {
  InstanceIdSchema,
  LayerUidSchema,
  OperationIdSchema,
  ProjectIdSchema,
  QuiesceSchema,
  Sha256,
  SnapshotUidSchema,
  Time,
} from '../ids.schema.js';

// Control plane to worker, exchange `varve.jobs`, routing key = host. Unknown fields are ignored, so that hosts can be
// upgraded one by one; an unknown version is refused.

const envelope = {
  version: z.literal(1),
  operationId: OperationIdSchema,
  instanceId: InstanceIdSchema,
  projectId: ProjectIdSchema,
  /** Rises by one with every job of an instance. A worker refuses one that is older than what it has seen. */
  epoch: z.number().int().positive(),
  requestedAt: Time,
  /** The success list: every layer of this instance that is known to be in the store, whole and verified. */
  storedLayers: z.array(LayerUidSchema),
  /**
   * What the layers below the active one show, as the last job that changed them said; `null`: the active layer stands on
   * the base image; absent: not known for sure.
   */
  topLayerUid: LayerUidSchema.nullable().optional(),
};

/** Where a stored layer is and how to know it for the right one. */
export const LayerRefSchema = z.object({ uid: LayerUidSchema, manifestKey: z.string(), manifestSha256: Sha256 });

export const TakeSnapshot = z
  .object({
    type: z.literal('snapshot.take'),
    ...envelope,
    snapshotUid: SnapshotUidSchema,
    /** What this snapshot's upload will be called, whatever it turns out to contain. */
    layerUid: LayerUidSchema,
    quiesce: QuiesceSchema,
  })
  .meta({ id: 'TakeSnapshot' });
export type TakeSnapshot = z.output<typeof TakeSnapshot>;

export const RunRollback = z
  .object({
    type: z.literal('rollback.run'),
    ...envelope,
    snapshotUid: SnapshotUidSchema,
    /** What the restore point is made of, lowest layer first; the last is its own layer. */
    lineage: z.array(LayerRefSchema).min(1),
    /** The lineage that the instance's chain stands on now, as far as the catalog knows: it tells what need not be fetched. */
    currentLineage: z.array(LayerRefSchema),
  })
  .meta({ id: 'RunRollback' });
export type RunRollback = z.output<typeof RunRollback>;

export const UndoRollback = z
  .object({
    type: z.literal('rollback.undo'),
    ...envelope,
    /** The rollback whose safety point becomes the instance's disk again. */
    rollbackId: OperationIdSchema,
  })
  .meta({ id: 'UndoRollback' });
export type UndoRollback = z.output<typeof UndoRollback>;

/** Gives up what a rollback replaced. */
export const KeepRollback = z
  .object({
    type: z.literal('rollback.keep'),
    ...envelope,
    /** The rollback that can't be undone from then on. */
    rollbackId: OperationIdSchema,
  })
  .meta({ id: 'KeepRollback' });
export type KeepRollback = z.output<typeof KeepRollback>;

/** Back to one layer on the base image: the shape in which Nova can do all that it does. */
export const SettleDisk = z.object({ type: z.literal('disk.settle'), ...envelope }).meta({ id: 'SettleDisk' });
export type SettleDisk = z.output<typeof SettleDisk>;

/** Makes an image of the cloud of a restore point; the instance need not be there any more. */
export const ExportPoint = z
  .object({
    type: z.literal('point.export'),
    ...envelope,
    snapshotUid: SnapshotUidSchema,
    /** What the restore point is made of, lowest layer first; the last is its own layer. */
    lineage: z.array(LayerRefSchema).min(1),
    /** As in a rollback: what need not be fetched. */
    currentLineage: z.array(LayerRefSchema),
    /** The moment that the restore point stands for. */
    takenAt: Time,
    image: z.object({
      name: z.string(),
      visibility: z.enum(['private', 'shared']),
      diskFormat: z.enum(['qcow2', 'raw']),
    }),
  })
  .meta({ id: 'ExportPoint' });
export type ExportPoint = z.output<typeof ExportPoint>;

/** Brings back the layers that whoever moved the instance has left behind. */
export const RepairDisk = z
  .object({
    type: z.literal('disk.repair'),
    ...envelope,
    /** Of `topLayerUid`, lowest layer first; empty where that is not in the store, or not known. */
    lineage: z.array(LayerRefSchema),
    /** The disk as it is counts from now on, whatever it once stood on. */
    acceptDisk: z.boolean(),
  })
  .meta({ id: 'RepairDisk' });
export type RepairDisk = z.output<typeof RepairDisk>;

/** Takes effect only before the procedure's point of no return. */
export const CancelOperation = z
  .object({
    type: z.literal('operation.cancel'),
    version: z.literal(1),
    operationId: OperationIdSchema,
    instanceId: InstanceIdSchema,
  })
  .meta({ id: 'CancelOperation' });
export type CancelOperation = z.output<typeof CancelOperation>;

export const Job = z.discriminatedUnion('type', [
  TakeSnapshot,
  RunRollback,
  UndoRollback,
  KeepRollback,
  SettleDisk,
  RepairDisk,
  ExportPoint,
  CancelOperation,
]);
export type Job = z.output<typeof Job>;

/** What can still be said of a job that the worker can't read: enough to tell the catalog that it was refused. */
export const JobHeader = z.object({
  type: z.string(),
  version: z.number(),
  operationId: OperationIdSchema,
  instanceId: InstanceIdSchema,
});
