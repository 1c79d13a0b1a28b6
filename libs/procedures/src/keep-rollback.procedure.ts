import { ConflictError, filesNeededBy } from '@varve/core';
import type { InstanceId, LayerUid, OperationId } from '@varve/core';
import type { ProcedureContext } from './context.js';
import { recordOf } from './context.js';
import type { Run } from './engine/run.js';
import { repeatable } from './engine/step.js';
import type { Step } from './engine/step.js';
import { examineChain } from './examine-chain.js';
import type { ProcedureResult } from './outcome.js';
import { finishedWell, headOf } from './outcome.js';
import { cleanUpAfterSwap } from './swap-chain.js';

export interface KeepRequest {
  readonly operationId: OperationId;
  readonly instanceId: InstanceId;
  readonly rollbackId: OperationId;
  readonly storedLayers: readonly LayerUid[];
}

/**
 * Gives up what a rollback set aside, as the next rollback would: the disk stays as it is, the space that the safety point
 * took is free, and the rollback can't be undone any more. The instance does not notice.
 *
 *     before   [base] <- [restored] <- [A]      kept  [base] <- [history] <- [B]
 *     after    [base] <- [restored] <- [A]
 */
export async function keepRollback(run: Run, request: KeepRequest, ctx: ProcedureContext): Promise<ProcedureResult> {
  const { instanceId } = request;
  const { adopted } = await run.step(
    'name files',
    repeatable(() => Promise.resolve({ adopted: ctx.newFileId() })),
  );
  await run.step('examine chain', examineChain(ctx, request, adopted));
  await run.step('find safety point', findSafetyPoint(ctx, request));

  // A record without it, and some of its files gone: nothing could bring it back.
  await run.pointOfNoReturn();
  await run.step('let safety point go', letSafetyPointGo(ctx, request));
  await run.step('clean up', cleanUpAfterSwap(ctx, instanceId));
  const end = await run.step('look at chain', headOf(ctx, instanceId, request.storedLayers));
  return { ...finishedWell(null), merges: [], ...end };
}

function findSafetyPoint(ctx: ProcedureContext, { instanceId, rollbackId }: KeepRequest): Step<null> {
  return repeatable(async () => {
    const { safety } = await recordOf(ctx, instanceId);
    if (safety?.operationId === rollbackId) return null;
    throw new ConflictError('What that rollback replaced is not kept any more', { rollbackId });
  });
}

/** What the chain does not share with it is on record as leaving before any of it is deleted. */
function letSafetyPointGo(ctx: ProcedureContext, { instanceId, rollbackId }: KeepRequest): Step<null> {
  return {
    recover: async () =>
      (await recordOf(ctx, instanceId)).safety?.operationId === rollbackId ? null : { result: null },
    do: async () => {
      const record = await recordOf(ctx, instanceId);
      const after = { ...record, safety: null };
      const needed = filesNeededBy(after);
      const leaving = [...filesNeededBy(record), ...record.transient].filter((file) => !needed.has(file));
      await ctx.files.writeRecord({ ...after, transient: [...new Set(leaving)] });
      return null;
    },
  };
}
