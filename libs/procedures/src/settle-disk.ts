import { activeOf } from '@varve/core';
import type { ChainRecord, InstanceId, LayerFile } from '@varve/core';
import type { DiskFiles } from '@varve/ports';
import type { JournalEntry } from './engine/journal.js';

/**
 * What has to be right before anything starts the instance, after a worker that died in between: see
 * {@link moveDiskOn} and {@link undoUnflushedStream}. Needs no QEMU, no broker and no store, so it can be asked from a hook.
 *
 * @param entries - of the instance's open journal; none: what a merge needs that outlived its own
 */
export async function settleDisk(
  files: DiskFiles,
  instance: InstanceId,
  entries: readonly JournalEntry[],
): Promise<'moved' | 'nothing to do'> {
  const isStreaming =
    entries.some((entry) => entry.kind === 'begin' && entry.step === STREAM_STEP) &&
    !entries.some((entry) => entry.kind === 'done' && entry.step === STREAM_STEP);
  if (isStreaming) await undoUnflushedStream(files, instance);
  else await undoUnflushedMerge(files, instance);
  return moveDiskOn(files, instance, entries);
}

/** Part of the journal's format. */
export const STREAM_STEP = 'stream layers';

/**
 * QEMU ends a stream and a merge with the header of the layer above, and flushes the tables that lead to all that was
 * copied after that: one that dies in between leaves a header that leads past data that is nowhere else. On the layer
 * that is on record below it, that layer shows every byte, whether they were flushed or not. Nothing is done while QEMU
 * runs.
 */
export async function undoUnflushedStream(files: DiskFiles, instance: InstanceId): Promise<void> {
  const record = await files.readRecord(instance);
  const [active, below] = [...(record?.files ?? [])].reverse();
  if (record && active && below) await standOn(files, record, active, below);
}

/** The same after a merge in place, which may be left and found by a later procedure. */
export async function undoUnflushedMerge(files: DiskFiles, instance: InstanceId): Promise<void> {
  const record = await files.readRecord(instance);
  const target = record?.files.findIndex(({ mixture }) => mixture) ?? -1;
  if (!record || target < 0) return;
  const [, source, above] = record.files.slice(target);
  if (source && above) await standOn(files, record, above, source);
}

async function standOn(files: DiskFiles, record: ChainRecord, layer: LayerFile, below: LayerFile): Promise<void> {
  const { instanceId } = record;
  if (await files.isOpenForWriting(instanceId, activeOf(record).fileId)) return;
  if (!(await files.fingerprint(instanceId, below.fileId))) return;
  const found = (await files.findChain(instanceId)).find(({ inode }) => inode === layer.inode);
  if (!found) return;
  // An earlier life may have died before this header was on the disk.
  if (found.backing?.path === (await files.layerPath(instanceId, below.fileId))) {
    return files.syncLayer(instanceId, layer.fileId);
  }
  await files.setBacking(instanceId, layer.fileId, { kind: 'layer', file: below.fileId });
}

/**
 * Sees to it that `disk` leads to the layer with the newest writes.
 *
 * Only a snapshot that died between the switch and the move leaves `disk` behind. If QEMU never switched, the overlay
 * is empty and shows what lies below it: moving on is right either way.
 */
async function moveDiskOn(
  files: DiskFiles,
  instance: InstanceId,
  entries: readonly JournalEntry[],
): Promise<'moved' | 'nothing to do'> {
  for (const { change, move, named } of SWITCHES) {
    const has = (kind: 'begin' | 'done', step: string): boolean =>
      entries.some((entry) => entry.kind === kind && entry.step === step);
    if (!has('begin', change) || has('done', move)) continue;
    const names = entries.find((entry) => entry.kind === 'done' && entry.step === 'name files');
    const overlay = names?.kind === 'done' ? (names.result as Record<string, unknown>)[named] : undefined;
    const record = await files.readRecord(instance);
    const file = record?.transient.find((id) => id === overlay);
    if (!record || !file || (await files.isOpenForWriting(instance, activeOf(record).fileId))) return 'nothing to do';
    if (await files.isOpenForWriting(instance, file)) return 'nothing to do';
    const switched = entries.find((entry) => entry.kind === 'done' && entry.step === change);
    // QEMU said no: the overlay is about to be discarded, and what has booted from it could not be.
    const isRefused = switched?.kind === 'done' && (switched.result as { kind?: string }).kind === 'refused';
    const target = isRefused ? activeOf(record).fileId : file;
    const made = await files.fingerprint(instance, target);
    if (made === null || (await files.diskInode(instance)) === made.inode) return 'nothing to do';
    await files.pointDiskAt(instance, target);
    return 'moved';
  }
  return 'nothing to do';
}

/** Steps of snapshots and of settling in which QEMU changes to another layer, and those in which `disk` is moved to it. */
const SWITCHES = [
  { change: 'switch to step', move: 'point disk at step', named: 'step' },
  { change: 'switch to overlay', move: 'point disk at overlay', named: 'overlay' },
] as const;
