import { ManifestUnusableError } from '@varve/core';
import type { ChainRecord, FileId, InstanceId, LayerUid } from '@varve/core';
import type { LayerRef } from '@varve/ports';
import { assembleLayer } from './assemble-layer.js';
import type { AssembledLayer } from './assemble-layer.js';
import type { ProcedureContext } from './context.js';
import { dropTransient, recordOf, registerTransient } from './context.js';
import type { Run } from './engine/run.js';
import { repeatable } from './engine/step.js';
import type { Step } from './engine/step.js';

export interface Restored {
  readonly instanceId: InstanceId;
  /** What the state is made of, lowest layer first; the last is its own layer. */
  readonly lineage: readonly LayerRef[];
  /** What the instance's chain stands on now, as far as the catalog knows. */
  readonly currentLineage: readonly LayerRef[];
}

export const targetOf = ({ lineage }: Pick<Restored, 'lineage'>): LayerUid => {
  const target = lineage.at(-1);
  if (!target) throw new ManifestUnusableError('?', 'the lineage is empty');
  return target.uid;
};

/**
 * A layer that shows a stored state on the instance's base image, beside the chain.
 *
 * @param local - a sealed layer whose bytes can be used, and the state that it shows
 */
export function buildRestoredLayer(
  run: Run,
  ctx: ProcedureContext,
  { instanceId, lineage, currentLineage }: Restored,
  restored: FileId,
  local: { file: FileId; asOf: LayerUid } | null,
): Step<AssembledLayer> {
  return repeatable(
    () =>
      ctx.transfer(async () => {
        const { base, virtualSizeBytes } = await recordOf(ctx, instanceId);
        await registerTransient(ctx, instanceId, [restored]);
        const wanted = { instanceId, file: restored, base, virtualSizeBytes, lineage, currentLineage, local };
        return assembleLayer(ctx, wanted, run.signal);
      }),
    () => dropTransient(ctx, instanceId, [restored], neededByRecord),
  );
}

export const neededByRecord = (record: ChainRecord): ReadonlySet<FileId> =>
  new Set(record.files.map((file) => file.fileId));
