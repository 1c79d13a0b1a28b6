import { ChainDivergedError, isUuid } from '@varve/core';
import type { ChainRecord } from '@varve/core';
import { z } from 'zod';

const uuid = z.string().refine(isUuid, { message: 'must be a uuid in lower case' });
const LayerFile = z.object({
  fileId: uuid,
  asOf: uuid.nullable(),
  layers: z.array(uuid),
  inode: z.string().regex(/^\d+:\d+$/),
  mixture: z.literal(true).optional(),
});
const DetachedLayer = z.object({ fileId: uuid, asOf: uuid, backing: uuid.nullable() });

const ChainRecordFile = z.object({
  version: z.literal(1),
  instanceId: uuid,
  base: z.object({ path: z.string().startsWith('/'), format: z.enum(['raw', 'qcow2']) }).nullable(),
  virtualSizeBytes: z.number().int().positive(),
  files: z.array(LayerFile),
  detached: DetachedLayer.nullable(),
  safety: z
    .object({
      operationId: uuid,
      files: z.array(LayerFile),
      detached: DetachedLayer.nullable(),
      createdAt: z.string(),
    })
    .nullable(),
  digestsOf: uuid.optional(),
  transient: z.array(uuid),
});

/** @throws {ChainDivergedError} somebody else wrote it, or a later version of us */
export function parseChainRecord(text: string): ChainRecord {
  try {
    return ChainRecordFile.parse(JSON.parse(text)) as unknown as ChainRecord;
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message;
    const diverged = new ChainDivergedError('a chain record of version 1', `one that can't be read: ${why}`);
    diverged.cause = error;
    throw diverged;
  }
}
