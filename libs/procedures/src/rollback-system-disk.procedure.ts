import { assertChainLength, sealedOf } from '@varve/core';
import type { ChainRecord, FileId, InstanceId, LayerUid, OperationId } from '@varve/core';
import type { LayerRef } from '@varve/ports';
import type { ProcedureContext } from './context.js';
import { dropTransient, recordOf, registerTransient } from './context.js';
import type { Run } from './engine/run.js';
import { repeatable } from './engine/step.js';
import type { Step } from './engine/step.js';
import { examineChain } from './examine-chain.js';
import type { ProcedureResult } from './outcome.js';
import { finishedWell, headOf } from './outcome.js';
import { putOnRecord } from './put-on-record.js';
import { buildRestoredLayer, neededByRecord, targetOf } from './restored-layer.js';
import { cleanUpAfterSwap, swapChain } from './swap-chain.js';

export interface RollbackRequest {
  readonly operationId: OperationId;
  readonly instanceId: InstanceId;
  /** What the restore point is made of, lowest layer first; the last is its own layer. */
  readonly lineage: readonly LayerRef[];
  /** What the instance's chain stands on now, as far as the catalog knows. */
  readonly currentLineage: readonly LayerRef[];
  readonly storedLayers: readonly LayerUid[];
}

/**
 * Takes an instance's system disk back to a restore point.
 *
 *     before   [base] <- [history] <- [A]
 *     after    [base] <- [restored] <- [B]          the history layer itself, where it shows the restore point's state
 *     kept     [base] <- [history] <- [A]           the safety point, for undo
 *
 * The restored layer is put together while the instance still runs: for every guest range the newest layer of the
 * lineage that defines it is known from the manifests, so each byte is fetched once, none that the local layers hold,
 * and several layers arrive as one. Only guest data is taken from the store, each frame checked; no image made
 * elsewhere is ever opened by a tool. Then the instance is stopped, `disk` moved, and the instance started.
 *
 * A disk that was moved here without its layers can be rolled back too, where they can't be brought back: it is set aside
 * as it is, with all that the guest wrote since its last snapshot.
 */
export async function rollbackSystemDisk(
  run: Run,
  request: RollbackRequest,
  ctx: ProcedureContext,
): Promise<ProcedureResult> {
  const { instanceId } = request;
  const names = await run.step('name files', nameFiles(ctx));
  await run.step('put on record', putOnRecord(ctx, request, names.adopted));
  const { powerState, isBroken } = await run.step(
    'examine chain',
    examineChain(ctx, request, names.adopted, 'rollback'),
  );

  // What stands on a layer that is not here can't be read.
  const plan = isBroken ? FROM_STORE : await run.step('plan restore', planSources(ctx, request));
  const built =
    plan.shown === null
      ? await run.step('build restored layer', buildRestoredLayer(run, ctx, request, names.restored, plan.local))
      : { inode: '', fetchedBytes: 0, localBytes: 0 };
  const active = await run.step(
    'create active layer',
    createActiveLayer(ctx, instanceId, names.active, plan.shown ?? names.restored),
  );

  const swapped = await swapChain(run, ctx, {
    ...request,
    wasRunning: powerState !== 'stopped',
    next: (record) =>
      chainAfter(record, request, {
        shown: plan.shown,
        restored: names.restored,
        built,
        active: names.active,
        activeInode: active.inode,
      }),
  });

  await run.announce('rollback.completed', {
    fetchedBytes: built.fetchedBytes,
    localBytes: built.localBytes,
    downtimeMs: swapped.downtimeMs,
  });
  await run.step('clean up', cleanUpAfterSwap(ctx, instanceId));
  const end = await run.step('look at chain', headOf(ctx, instanceId, request.storedLayers));
  return { ...finishedWell(null), merges: [], ...end };
}

interface RollbackNames {
  readonly adopted: FileId;
  readonly restored: FileId;
  readonly active: FileId;
}

const nameFiles = (ctx: ProcedureContext): Step<RollbackNames> =>
  repeatable(() => Promise.resolve({ adopted: ctx.newFileId(), restored: ctx.newFileId(), active: ctx.newFileId() }));

interface Sources {
  readonly shown: FileId | null;
  readonly local: { readonly file: FileId; readonly asOf: LayerUid } | null;
}

const FROM_STORE: Sources = { shown: null, local: null };

/**
 * @returns `shown`: the sealed layer that shows the restore point's very state, so that nothing has to be fetched;
 *   else `local`: the sealed layer whose bytes can be used, and the state that it shows
 */
function planSources(ctx: ProcedureContext, request: RollbackRequest): Step<Sources> {
  return repeatable(async () => {
    const usable = sealedOf(await recordOf(ctx, request.instanceId)).filter((file) => !file.mixture);
    // Shared with the safety point it can't be merged into: then only a copy could ever take its place.
    const mayBeShared = ctx.hypervisor.canReplaceBacking;
    const shown = mayBeShared ? usable.findLast((file) => file.asOf === targetOf(request)) : undefined;
    const known = new Set<LayerUid | null>(request.currentLineage.map((ref) => ref.uid));
    const local = usable.findLast((file) => known.has(file.asOf));
    return {
      shown: shown?.fileId ?? null,
      local: local?.asOf ? { file: local.fileId, asOf: local.asOf } : null,
    };
  });
}

// ---- while the instance still runs ---------------------------------------------------------------------------------

function createActiveLayer(
  ctx: ProcedureContext,
  instance: InstanceId,
  active: FileId,
  backing: FileId,
): Step<{ inode: string }> {
  return repeatable(
    async () => {
      const record = await recordOf(ctx, instance);
      await registerTransient(ctx, instance, [active]);
      return ctx.files.createLayer(instance, active, { kind: 'layer', file: backing }, record.virtualSizeBytes);
    },
    () => dropTransient(ctx, instance, [active], neededByRecord),
  );
}

// ---- the new chain ---------------------------------------------------------------------------------------------------

function chainAfter(
  record: ChainRecord,
  request: RollbackRequest,
  made: { shown: FileId | null; restored: FileId; built: { inode: string }; active: FileId; activeInode: string },
): Pick<ChainRecord, 'files' | 'detached'> {
  const sealed = sealedOf(record);
  const layers = request.lineage.map((ref) => ref.uid);
  const below =
    made.shown === null
      ? [{ fileId: made.restored, asOf: targetOf(request), layers, inode: made.built.inode }]
      : sealed.slice(0, sealed.findIndex((file) => file.fileId === made.shown) + 1);
  const files = [...below, { fileId: made.active, asOf: null, layers: [], inode: made.activeInode }];
  assertChainLength(files);
  return { files, detached: null };
}
