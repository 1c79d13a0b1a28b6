import { DiskUnsupportedError } from '@varve/core';
import type { BaseImage, ChainRecord, FileId, InstanceId, LayerManifest } from '@varve/core';
import type { LayerRef } from '@varve/ports';
import type { ProcedureContext } from './context.js';
import { repeatable } from './engine/step.js';
import type { Step } from './engine/step.js';

/**
 * Gives a disk that came here without its layers, and without its record, a record of its own: of that one layer, on the
 * base image that the store says its lineage stands on. What is on record already, or whole, stays as it is.
 *
 * @param adopted - what the layer will be called
 */
export function putOnRecord(
  ctx: ProcedureContext,
  { instanceId, lineage }: { readonly instanceId: InstanceId; readonly lineage: readonly LayerRef[] },
  adopted: FileId,
): Step<null> {
  return repeatable(async () => {
    if (!(await ctx.hypervisor.find(instanceId))) return null;
    const record = (await ctx.files.readRecord(instanceId)) ?? (await recordAlone(ctx, instanceId, lineage, adopted));
    const [only, ...others] = record?.files ?? [];
    // Its name comes after the record: what has a name that is not on record could not be given another.
    if (!only || others.length > 0) return null;
    if (!(await ctx.files.fingerprint(instanceId, only.fileId))) await ctx.files.adoptDisk(instanceId, only.fileId);
    // The life that named it may have died before the name was on the disk.
    else await ctx.files.syncLayer(instanceId, only.fileId);
    return null;
  });
}

/** @returns `null`: there is more than the disk, or nothing that is missing, which whoever examines the chain will find */
async function recordAlone(
  ctx: ProcedureContext,
  instance: InstanceId,
  lineage: readonly LayerRef[],
  adopted: FileId,
): Promise<ChainRecord | null> {
  if ((await ctx.hypervisor.powerState(instance)) !== 'stopped') return null;
  const broken = await ctx.files.findBreak(instance);
  const [disk, ...others] = broken?.layers ?? [];
  if (!broken || !disk || others.length > 0) return null;
  const [lowest] = await ctx.layers.manifests(lineage.slice(0, 1));
  const record: ChainRecord = {
    version: 1,
    instanceId: instance,
    base: lowest ? baseOf(lowest, broken.basePath) : null,
    virtualSizeBytes: disk.virtualSizeBytes,
    files: [{ fileId: adopted, asOf: null, layers: [], inode: disk.inode }],
    detached: null,
    safety: null,
    transient: [],
  };
  await ctx.files.writeRecord(record);
  return record;
}

/** Whether it is the very one is seen when a layer is built on it, by its digest. */
function baseOf({ backing }: LayerManifest, path: string | null): BaseImage | null {
  if (backing.kind !== 'base') return null;
  if (path !== null) return { path, format: backing.format };
  throw new DiskUnsupportedError(
    'disk_chain_unsupported',
    'Neither the layers of the disk nor their base image are on this host',
  );
}
