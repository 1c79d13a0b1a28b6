import { sealedOf } from '@varve/core';
import type { InstanceId, LayerUid, Problem } from '@varve/core';
import type { ProcedureContext } from './context.js';
import { recordOf } from './context.js';
import { repeatable } from './engine/step.js';
import type { Step } from './engine/step.js';

/** The last word of a procedure on what it did. */
export interface ProcedureResult {
  readonly state: 'succeeded' | 'failed';
  readonly problem: Problem | null;
  readonly merges: readonly { readonly strategy: 'in-place' | 'copy'; readonly seconds: number }[];
  /** `null`: it has not looked at the chain. */
  readonly chainLength: number | null;
  readonly headLayerUid: LayerUid | null;
  readonly topLayerUid: LayerUid | null;
}

export const finishedWell = (problem: Problem | null): Pick<ProcedureResult, 'state' | 'problem'> => ({
  state: problem ? 'failed' : 'succeeded',
  problem,
});

/**
 * How long the chain is, the newest stored state that it stands on, or that a settled disk is compared with, and the state
 * below the active layer, stored or not.
 */
export function headOf(
  ctx: ProcedureContext,
  instance: InstanceId,
  stored: readonly LayerUid[],
): Step<Pick<ProcedureResult, 'chainLength' | 'headLayerUid' | 'topLayerUid'>> {
  return repeatable(async () => {
    const record = await recordOf(ctx, instance);
    const known = new Set<LayerUid | null>(stored);
    const sealed = sealedOf(record);
    const head = sealed.findLast((file) => known.has(file.asOf));
    // Those are of the newest one, until there is another.
    const compared = known.has(record.digestsOf ?? null) ? record.digestsOf : undefined;
    return {
      chainLength: record.files.length,
      headLayerUid: compared ?? head?.asOf ?? null,
      topLayerUid: sealed.at(-1)?.asOf ?? null,
    };
  });
}
