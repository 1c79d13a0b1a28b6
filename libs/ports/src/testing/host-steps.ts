import { expect } from 'vitest';
import type { BaseImage, FileId, InstanceId } from '@varve/core';
import type { HostHarness, StartStyle } from './host-harness.js';

/** Blocks that the suites write to; some share a cluster's neighbourhood, some lie far apart. */
export const BLOCKS = [0, 1, 2, 7, 31, 32, 63];

/** What the guest has written: what every view of the disk must show. */
export type Written = Map<number, number>;

/** An instance that runs, its boot-time layer with a permanent name. */
export async function runningInstance(
  host: HostHarness,
  style: StartStyle,
): Promise<{ instance: InstanceId; boot: FileId; written: Written }> {
  const instance = await host.newInstance(style);
  await host.start(instance);
  const boot = host.newFileId();
  await host.diskFiles.adoptDisk(instance, boot);
  return { instance, boot, written: new Map() };
}

/** The guest writes a number into each of the blocks, and `written` knows of it. */
export async function write(
  host: HostHarness,
  instance: InstanceId,
  written: Written,
  value: number,
  blocks: readonly number[] = BLOCKS,
): Promise<void> {
  for (const block of blocks) {
    await host.guestWrite(instance, block, value);
    written.set(block, value);
  }
}

/** Seals the active layer: new layer, switch, `disk` moved. @returns the new active layer */
export async function seal(
  host: HostHarness,
  instance: InstanceId,
  active: FileId,
  clusters: 'extended' | 'plain' = 'extended',
): Promise<FileId> {
  const overlay = await createOn(host, instance, active, clusters);
  const path = await host.diskFiles.layerPath(instance, overlay);
  const { stallMs } = await host.hypervisor.switchToOverlay(instance, path, 10_000);
  expect(stallMs).toBeGreaterThanOrEqual(0);
  await host.diskFiles.pointDiskAt(instance, overlay);
  return overlay;
}

/** An empty layer on top of another. */
export async function createOn(
  host: HostHarness,
  instance: InstanceId,
  below: FileId,
  clusters: 'extended' | 'plain' = 'extended',
): Promise<FileId> {
  const overlay = host.newFileId();
  const sizeBytes = host.blockBytes * host.blockCount;
  await host.diskFiles.createLayer(instance, overlay, { kind: 'layer', file: below }, sizeBytes, clusters);
  return overlay;
}

/** Merges two layers of the running instance, as QEMU knows them. */
export async function commit(host: HostHarness, instance: InstanceId, from: FileId, into: FileId): Promise<void> {
  await host.hypervisor.commit(
    instance,
    await host.diskFiles.layerPath(instance, from),
    await host.diskFiles.layerPath(instance, into),
    { bytesPerSecond: 0 },
  );
}

/** Deletes layers when what they were merged into, and what no longer stands on them, outlasts a power cut. */
export async function letGo(
  host: HostHarness,
  instance: InstanceId,
  leaving: readonly FileId[],
  staying: readonly FileId[],
): Promise<void> {
  for (const layer of staying) await host.diskFiles.syncLayer(instance, layer);
  for (const layer of leaving) await host.diskFiles.removeLayer(instance, layer);
}

const allBlocks = (written: Written): number[] => [...new Set([...BLOCKS, 3, 40, ...written.keys()])];

export async function expectLive(host: HostHarness, instance: InstanceId, written: Written): Promise<void> {
  await expectBlocks(host, written, (block) => host.guestRead(instance, block), 'as the guest sees it');
}

export async function expectCold(
  host: HostHarness,
  instance: InstanceId,
  file: FileId | 'disk',
  written: Written,
): Promise<void> {
  await expectBlocks(host, written, (block) => host.coldRead(instance, file, block), `through ${file}`);
}

async function expectBlocks(
  host: HostHarness,
  written: Written,
  read: (block: number) => Promise<number>,
  how: string,
): Promise<void> {
  const blocks = allBlocks(written);
  const found = await Promise.all(blocks.map(async (block) => [block, await read(block)]));
  const expected = blocks.map((block) => [block, written.get(block) ?? host.baseValue(block)]);
  expect(found, `[block, value] ${how}`).toEqual(expected);
}

/** Inodes of what QEMU has open, the active layer first, the base image last. */
export async function openInodes(host: HostHarness, instance: InstanceId): Promise<(string | null)[]> {
  return ((await host.hypervisor.openLayers(instance)) ?? []).map((layer) => layer.inode);
}

export async function inodeOf(host: HostHarness, instance: InstanceId, file: FileId): Promise<string> {
  const found = await host.diskFiles.fingerprint(instance, file);
  if (!found) throw new Error(`there is no layer file ${file}`);
  return found.inode;
}

/** The base image that the lowest own layer stands on. */
export async function baseOf(host: HostHarness, instance: InstanceId): Promise<BaseImage> {
  const backing = (await host.diskFiles.findChain(instance)).at(-1)?.backing;
  if (!backing) throw new Error('the instance has no base image');
  return { path: backing.path, format: backing.format === 'raw' ? 'raw' : 'qcow2' };
}
