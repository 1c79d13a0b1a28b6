import { ConflictError } from '@varve/core';
import type { FileId, InstanceId, LayerUid, OperationId } from '@varve/core';
import type { ProcedureContext } from './context.js';
import { recordOf } from './context.js';
import type { Run } from './engine/run.js';
import { repeatable } from './engine/step.js';
import type { Step } from './engine/step.js';
import { examineChain } from './examine-chain.js';
import type { ProcedureResult } from './outcome.js';
import { finishedWell, headOf } from './outcome.js';
import { cleanUpAfterSwap, swapChain } from './swap-chain.js';

export interface UndoRequest {
  readonly operationId: OperationId;
  readonly instanceId: InstanceId;
  readonly rollbackId: OperationId;
  readonly storedLayers: readonly LayerUid[];
}

/**
 * Takes a rollback back: what it set aside becomes the chain again, and what is the chain now becomes the safety point,
 * so that an undo can itself be undone. Nothing is fetched.
 */
export async function undoRollback(run: Run, request: UndoRequest, ctx: ProcedureContext): Promise<ProcedureResult> {
  const { instanceId } = request;
  const { adopted } = await run.step(
    'name files',
    repeatable(() => Promise.resolve({ adopted: ctx.newFileId() })),
  );
  const { powerState } = await run.step('examine chain', examineChain(ctx, request, adopted, 'rollback'));
  await run.step('find safety point', findSafetyPoint(ctx, request));

  const { downtimeMs } = await swapChain(run, ctx, {
    ...request,
    wasRunning: powerState !== 'stopped',
    next: ({ files, detached, safety }) => ({
      files: safety?.files ?? files,
      detached: safety ? safety.detached : detached,
    }),
  });

  await run.announce('rollback.completed', { fetchedBytes: 0, localBytes: 0, downtimeMs });
  await run.step('clean up', cleanUpAfterSwap(ctx, instanceId));
  const end = await run.step('look at chain', headOf(ctx, instanceId, request.storedLayers));
  return { ...finishedWell(null), merges: [], ...end };
}

function findSafetyPoint(ctx: ProcedureContext, { instanceId, rollbackId }: UndoRequest): Step<{ files: FileId[] }> {
  return repeatable(async () => {
    const { safety } = await recordOf(ctx, instanceId);
    if (safety?.operationId !== rollbackId) {
      throw new ConflictError('What that rollback replaced is no longer kept', { rollbackId });
    }
    for (const { fileId } of safety.files) {
      if (await ctx.files.fingerprint(instanceId, fileId)) continue;
      throw new ConflictError('What that rollback replaced was not whole: it had been moved without its layers', {
        rollbackId,
      });
    }
    return { files: safety.files.map((file) => file.fileId) };
  });
}
