import { z } from 'zod';
import { Bytes, FileIdSchema, LayerUidSchema, OperationIdSchema, Sha256, Time } from '../ids.schema.js';

/** One own layer of an instance, as its host has it on record. */
export const ChainLayerSchema = z.object({
  /** `null`: it has no permanent name yet. */
  fileId: FileIdSchema.nullable(),
  /** Whose state it shows with all below it; `null`: the active layer, whose state has no name yet. */
  asOf: LayerUidSchema.nullable(),
  /** How many layers have become one in it. */
  merged: z.number().int().nonnegative(),
  /** A merge into it has begun: it is right together with the layer above, and not by itself. */
  isMixture: z.boolean().default(false),
  /** Length of the file. */
  fileBytes: Bytes,
  /** What it takes on the disk. */
  allocatedBytes: Bytes,
});
export type ChainLayer = z.output<typeof ChainLayerSchema>;

/** The backing chain of an instance's system disk. */
export const ChainSchema = z.object({
  /** By the host's clock. */
  observedAt: Time,
  /** `null`: there is none, or nobody knows. */
  base: z
    .object({
      /** File name alone. */
      name: z.string(),
      sizeBytes: Bytes.nullable(),
      /** `null`: nobody has had a reason to compute it. */
      sha256: Sha256.nullable(),
    })
    .nullable(),
  /** Its own layers, lowest first; the last one is the active layer. */
  layers: z.array(ChainLayerSchema),
  /** What the latest rollback replaced, for its undo; `null`: nothing is kept. */
  kept: z
    .object({
      rollbackId: OperationIdSchema,
      /** What it takes on the disk, without what the chain needs as well. */
      allocatedBytes: Bytes,
    })
    .nullable(),
});
export type Chain = z.output<typeof ChainSchema>;

/** One step of an operation, as its host's journal has it. */
export const StepSchema = z.object({
  name: z.string(),
  state: z.enum(['running', 'done', 'failed', 'undone']),
  startedAt: Time,
  /** When it came to its state; `null` while it runs. */
  finishedAt: Time.nullable(),
  /** Why it failed. */
  detail: z.string().nullable(),
});
export type Step = z.output<typeof StepSchema>;
