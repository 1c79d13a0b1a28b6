import { activeOf, filesNeededBy } from '@varve/core';
import type { ChainRecord, InstanceId, OperationId } from '@varve/core';
import type { ProcedureContext } from './context.js';
import { dropTransient, recordOf } from './context.js';
import type { Run } from './engine/run.js';
import { repeatable } from './engine/step.js';
import type { Step } from './engine/step.js';

interface Swap {
  readonly operationId: OperationId;
  readonly instanceId: InstanceId;
  readonly wasRunning: boolean;
  /** The chain to put in the place of the recorded one; all its files exist. Called with the record as it was before. */
  readonly next: (record: ChainRecord) => Pick<ChainRecord, 'files' | 'detached'>;
}

/**
 * Stops the instance, makes another chain its system disk, and starts it again. What was its chain becomes the safety
 * point; the safety point before that is let go.
 *
 * `disk` leads to the old active layer or to the new one at any moment, and the instance can boot from either.
 */
export async function swapChain(run: Run, ctx: ProcedureContext, swap: Swap): Promise<{ downtimeMs: number }> {
  const stopped = await run.step('stop instance', stopInstance(ctx, swap));
  await run.pointOfNoReturn();
  ctx.progress('restoring', 0, 0); // says that it can't be taken back
  await run.step('place chain', placeChain(ctx, swap));
  const started = await run.step('start instance', startInstance(ctx, swap));
  return { downtimeMs: swap.wasRunning ? Math.max(0, started.atMs - stopped.atMs) : 0 };
}

function stopInstance(ctx: ProcedureContext, { instanceId, wasRunning }: Swap): Step<{ atMs: number }> {
  return repeatable(
    async () => {
      ctx.progress('restoring', 0, 0);
      const atMs = ctx.now().getTime();
      await ctx.compute.stop(instanceId, ctx.settings.stopGraceMs);
      return { atMs };
    },
    async () => {
      // One that never came to be stopped goes on as it was, also when it was paused.
      const isStopped = (await ctx.hypervisor.powerState(instanceId)) === 'stopped';
      if (wasRunning && isStopped) await ctx.compute.start(instanceId);
    },
  );
}

function placeChain(ctx: ProcedureContext, swap: Swap): Step<null> {
  const { instanceId, operationId } = swap;
  return {
    recover: async () => {
      const record = await recordOf(ctx, instanceId);
      const placed = record.safety?.operationId === operationId;
      return placed && (await ctx.files.diskInode(instanceId)) === activeOf(record).inode ? { result: null } : null;
    },
    do: async () => {
      const record = await recordOf(ctx, instanceId);
      if (record.safety?.operationId === operationId) {
        await ctx.files.pointDiskAt(instanceId, activeOf(record).fileId);
        return null;
      }
      const next = swap.next(record);
      const replaced = activeOf(record);
      const placed = activeOf({ ...record, ...next });
      await ctx.files.pointDiskAt(instanceId, placed.fileId);
      // Somebody may have started the instance in the last instants: then it runs on what is to be set aside.
      if (await ctx.files.isOpenForWriting(instanceId, replaced.fileId)) await ctx.compute.stop(instanceId, 0);
      const safety = {
        operationId,
        files: record.files,
        detached: record.detached,
        createdAt: ctx.now().toISOString(),
      };
      // The digests are of what is set aside now, and may be those of another chain when an undo brings it back.
      const { digestsOf: _, ...kept } = record;
      const after: ChainRecord = { ...kept, ...next, safety };
      const needed = filesNeededBy(after);
      const leaving = [...filesNeededBy(record), ...record.transient].filter((file) => !needed.has(file));
      await ctx.files.writeRecord({ ...after, transient: leaving });
      return null;
    },
  };
}

function startInstance(ctx: ProcedureContext, { instanceId, wasRunning }: Swap): Step<{ atMs: number }> {
  return repeatable(async () => {
    if (wasRunning) await ctx.compute.start(instanceId);
    return { atMs: ctx.now().getTime() };
  });
}

/** Deletes what neither the chain nor the safety point needs. */
export const cleanUpAfterSwap = (ctx: ProcedureContext, instance: InstanceId): Step<null> =>
  repeatable(async () => {
    const record = await recordOf(ctx, instance);
    await dropTransient(ctx, instance, record.transient, filesNeededBy);
    return null;
  });
