import type { Chain, ChainLayer } from '@varve/contracts';
import { filesNeededBy } from '@varve/core';
import type { BaseImage, ChainRecord, FileId, InstanceId, LayerFile } from '@varve/core';
import type { DiskFiles } from '@varve/ports';
import { basename } from 'node:path';

/**
 * The chain of an instance as it is on record, and what its files take. Some looks at files; no image is read and no tool
 * is run, so that it can be told with every heartbeat.
 *
 * @returns `null`: there are layers and no record, so that nobody knows what they are
 */
export async function lookAtChain(files: DiskFiles, instance: InstanceId): Promise<Chain | null> {
  // Before the look: what is seen later is newer.
  const observedAt = new Date().toISOString();
  const record = await files.readRecord(instance);
  if (!record) return untouched(files, instance, observedAt);
  return {
    observedAt,
    base: record.base && (await baseFacts(files, record.base)),
    layers: await Promise.all(record.files.map((file) => layerFacts(files, instance, file))),
    kept: await keptFacts(files, record),
  };
}

/** An instance that no procedure has been at. */
async function untouched(files: DiskFiles, instance: InstanceId, observedAt: string): Promise<Chain | null> {
  const [active, ...others] = await files.findChain(instance);
  if (!active || others.length > 0) return null;
  const { backing } = active;
  const base = backing && { path: backing.path, format: backing.format as BaseImage['format'] };
  const layer = { fileId: null, asOf: null, merged: 0, isMixture: false };
  return {
    observedAt,
    base: base && (await baseFacts(files, base)),
    layers: [{ ...layer, ...(await sizesOf(files, instance, 'disk')) }],
    kept: null,
  };
}

const layerFacts = async (files: DiskFiles, instance: InstanceId, layer: LayerFile): Promise<ChainLayer> => ({
  fileId: layer.fileId,
  asOf: layer.asOf,
  merged: layer.layers.length,
  isMixture: layer.mixture ?? false,
  ...(await sizesOf(files, instance, layer.fileId)),
});

/** A file that is on record and not there takes nothing. */
const sizesOf = async (
  files: DiskFiles,
  instance: InstanceId,
  file: FileId | 'disk',
): Promise<Pick<ChainLayer, 'fileBytes' | 'allocatedBytes'>> =>
  (await files.footprint(instance, file)) ?? { fileBytes: 0, allocatedBytes: 0 };

async function baseFacts(files: DiskFiles, base: BaseImage): Promise<Chain['base']> {
  const facts = await files.baseFacts(base);
  return { name: basename(base.path), sizeBytes: facts?.sizeBytes ?? null, sha256: facts?.sha256 ?? null };
}

/** What is freed when the rollback is kept. */
async function keptFacts(files: DiskFiles, record: ChainRecord): Promise<Chain['kept']> {
  if (!record.safety) return null;
  const needed = filesNeededBy({ ...record, safety: null });
  const alone = [...filesNeededBy(record)].filter((file) => !needed.has(file));
  const sizes = await Promise.all(alone.map((file) => files.footprint(record.instanceId, file)));
  return {
    rollbackId: record.safety.operationId,
    allocatedBytes: sizes.reduce((sum, size) => sum + (size?.allocatedBytes ?? 0), 0),
  };
}
