import type { FileId, ImageId, InstanceId, LayerUid, OperationId, SnapshotUid } from '@varve/core';
import { isHostName, isProjectId } from '@varve/core';
import { z } from 'zod';

// Lower case only: ids become parts of paths and object keys, and one id must have one spelling.
const uuid = z
  .string()
  .regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/, 'a lower-case uuid with dashes');

export const InstanceIdSchema = uuid.transform((text) => text as InstanceId).meta({ description: 'Instance uuid' });
export const LayerUidSchema = uuid.transform((text) => text as LayerUid);
export const OperationIdSchema = uuid.transform((text) => text as OperationId);
export const SnapshotUidSchema = uuid.transform((text) => text as SnapshotUid);
export const FileIdSchema = uuid.transform((text) => text as FileId);
export const ProjectIdSchema = z.string().refine(isProjectId, 'a project id');
export const HostNameSchema = z.string().refine(isHostName, 'a host name');

export const Bytes = z.number().int().nonnegative();
export const Sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'a lower-case sha256');
export const Time = z.iso.datetime({ offset: true });
/** Of the cloud's image service. */
export const ImageIdSchema = uuid.transform((text) => text as ImageId);
export const ConsistencySchema = z.enum(['crash', 'filesystem']);
export const PowerStateSchema = z.enum(['running', 'paused', 'stopped']);
/** `try`: freeze if the guest agent answers, else crash-consistent. `require`: fail without a freeze. */
export const QuiesceSchema = z.enum(['none', 'try', 'require']);
export type Quiesce = z.output<typeof QuiesceSchema>;

/** An error of ours as it crosses a process. */
export const ProblemSchema = z.object({
  code: z.string(),
  remedy: z.enum(['retry', 'fix-request', 'call-operator']),
  message: z.string(),
  facts: z.record(z.string(), z.string()).default({}),
});
