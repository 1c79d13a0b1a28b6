// The steps by which the layer that QEMU writes to is sealed under a new one. A procedure runs them in this order; the
// switch is past its point of no return.
import {
  activeOf,
  assertChainLength,
  assertRoomForOneMore,
  ChainDivergedError,
  filesNeededBy,
  problemOf,
  QuiesceFailedError,
  sealedOf,
} from '@varve/core';
import type { Consistency, FileId, InstanceId, LayerUid, Problem } from '@varve/core';
import type { PowerState } from '@varve/ports';
import type { ProcedureContext } from './context.js';
import { closeLeftovers, dropTransient, recordOf, registerTransient } from './context.js';
import { repeatable } from './engine/step.js';
import type { Step } from './engine/step.js';
import { assertSpace, untrueNames } from './examine-chain.js';

export interface SealRequest {
  readonly instanceId: InstanceId;
  /** What the sealed layer's state is called from then on. */
  readonly layerUid: LayerUid;
  readonly quiesce: 'none' | 'try' | 'require';
}

/** The moment that was sealed, which is what a restore point stands for. */
export interface Capture {
  readonly sealedAt: string;
  readonly stallMs: number | null;
  readonly consistency: Consistency;
  readonly powerState: PowerState;
}

export function createOverlay(
  ctx: ProcedureContext,
  instance: InstanceId,
  overlay: FileId,
  clusters: 'extended' | 'plain' = 'extended',
): Step<null> {
  return repeatable(
    async () => {
      const record = await recordOf(ctx, instance);
      assertRoomForOneMore(record.files);
      // Once more, right before it counts: the instance may have been started since the chain was examined.
      const open = await ctx.hypervisor.openLayers(instance);
      if (open) await untrueNames(ctx, record, open);
      await assertSpace(ctx, instance, 0, 'A new layer');
      await registerTransient(ctx, instance, [overlay]);
      await ctx.files.createLayer(
        instance,
        overlay,
        { kind: 'layer', file: activeOf(record).fileId },
        record.virtualSizeBytes,
        clusters,
      );
      return null;
    },
    () => discard(ctx, instance, overlay),
  );
}

export const discardOverlay = (ctx: ProcedureContext, instance: InstanceId, overlay: FileId): Step<null> =>
  repeatable(async () => {
    await discard(ctx, instance, overlay);
    return null;
  });

async function discard(ctx: ProcedureContext, instance: InstanceId, overlay: FileId): Promise<void> {
  await closeLeftovers(ctx, instance);
  await dropTransient(ctx, instance, [overlay], filesNeededBy);
}

export type Switched = ({ kind: 'switched' } & Capture) | { kind: 'refused'; problem: Problem };

export function switchToOverlay(
  ctx: ProcedureContext,
  request: Pick<SealRequest, 'instanceId' | 'quiesce'>,
  overlay: FileId,
  under: 'its own name' | 'disk' = 'its own name',
): Step<Switched> {
  const { instanceId, quiesce } = request;
  const captured = (
    stallMs: number | null,
    consistency: Consistency,
    powerState: PowerState,
    sealedAt = ctx.now(),
  ): Switched => ({ kind: 'switched', sealedAt: sealedAt.toISOString(), stallMs, consistency, powerState });
  return {
    recover: async () => {
      const record = await recordOf(ctx, instanceId);
      const made = await ctx.files.fingerprint(instanceId, overlay);
      if (!made) return null;
      const old = await ctx.files.fingerprint(instanceId, activeOf(record).fileId);
      // Nobody saw the switch; the layer shows the disk as it was since the last write into it.
      const lastWrite = old ? new Date(Number(BigInt(old.mtimeNs) / 1_000_000n)) : ctx.now();
      const open = await ctx.hypervisor.openLayers(instanceId);
      if (open?.[0]?.inode === made.inode) {
        return { result: captured(null, 'crash', await ctx.hypervisor.powerState(instanceId), lastWrite) };
      }
      // Opened by an earlier life that did not come to the switch; nobody can have written to it.
      if (open && (await ctx.files.isOpenForWriting(instanceId, overlay))) return null;
      const untouched = (await ctx.files.extents(instanceId, overlay)).length === 0;
      // QEMU is gone. An empty overlay shows what lies below it, so moving `disk` is right whether or not the switch
      // took place; one with data in it was switched to, and `disk` must be moved, unless the layer below was booted since.
      if (!open) {
        if (!untouched && old && BigInt(old.mtimeNs) > BigInt(made.mtimeNs)) {
          throw new ChainDivergedError('one active layer', 'two that were written to');
        }
        return { result: captured(null, 'crash', 'stopped', lastWrite) };
      }
      if (!untouched) throw new ChainDivergedError('one active layer', 'two that were written to');
      return null;
    },
    do: async (again = false) => {
      ctx.progress('capturing', 0, 0);
      const overlayPath =
        under === 'disk' ? await ctx.files.diskPath(instanceId) : await ctx.files.layerPath(instanceId, overlay);
      const powerState = await ctx.hypervisor.powerState(instanceId);
      const freeze = await freezeIfAsked(ctx, request, powerState);
      if ('refused' in freeze) return { kind: 'refused', problem: freeze.refused };
      let held = false;
      try {
        const { stallMs } = await ctx.hypervisor.switchToOverlay(
          instanceId,
          overlayPath,
          ctx.settings.switchDeadlineMs,
        );
        const result = captured(stallMs, 'crash', powerState);
        held = (await freeze.thaw?.()) ?? false;
        return result.kind === 'switched' && held ? { ...result, consistency: 'filesystem' } : result;
      } catch (error) {
        // QEMU said no, so nothing has changed; what we don't know the outcome of goes to `recover` instead.
        const problem = problemOf(error);
        if (problem.code === 'hypervisor_refused') return { kind: 'refused', problem };
        // Somebody else works on the disk, maybe for long. QEMU was not asked now, and never was.
        if (problem.code === 'disk_busy' && !again) return { kind: 'refused', problem };
        throw error;
      } finally {
        if (!held) await freeze.thaw?.();
      }
    },
  };

  async function freezeIfAsked(
    { hypervisor, settings }: ProcedureContext,
    { quiesce: wish }: Pick<SealRequest, 'quiesce'>,
    powerState: PowerState,
  ): Promise<{ thaw?: () => Promise<boolean> } | { refused: Problem }> {
    if (wish === 'none') return {};
    // A paused guest can't flush anything, and must stay paused.
    if (powerState !== 'running') {
      return wish === 'try' ? {} : { refused: problemOf(new QuiesceFailedError('The instance is paused')) };
    }
    try {
      const freeze = await hypervisor.freeze(instanceId, settings.quiesceDeadlineMs);
      return { thaw: () => freeze.thaw() };
    } catch (error) {
      if (!(error instanceof QuiesceFailedError)) throw error;
      return quiesce === 'require' ? { refused: problemOf(error) } : {};
    }
  }
}

export function pointDiskAtOverlay(
  ctx: ProcedureContext,
  request: Pick<SealRequest, 'instanceId' | 'layerUid'>,
  overlay: FileId,
): Step<null> {
  const { instanceId, layerUid } = request;
  return {
    recover: async () => {
      const active = activeOf(await recordOf(ctx, instanceId));
      if (active.fileId !== overlay || (await ctx.files.diskInode(instanceId)) !== active.inode) return null;
      await closeLeftovers(ctx, instanceId);
      return { result: null };
    },
    do: async () => {
      await ctx.files.pointDiskAt(instanceId, overlay);
      const record = await recordOf(ctx, instanceId);
      const made = await ctx.files.fingerprint(instanceId, overlay);
      if (!made) throw new ChainDivergedError('the new layer', 'none');
      if (activeOf(record).fileId !== overlay) {
        const sealed = { ...activeOf(record), asOf: layerUid, layers: [layerUid] };
        const files = [...sealedOf(record), sealed, { fileId: overlay, asOf: null, layers: [], inode: made.inode }];
        assertChainLength(files);
        const transient = record.transient.filter((file) => file !== overlay);
        await ctx.files.writeRecord({ ...record, files, transient });
      }
      // Not left for the end: whoever starts the instance by a definition that names layers may find other files there.
      await closeLeftovers(ctx, instanceId);
      return null;
    },
  };
}
