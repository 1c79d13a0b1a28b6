import { describe, expect, it } from 'vitest';
import type { FileId, InstanceId } from '@varve/core';
import { runComputeSuite } from './compute.suite.js';
import { runDiskFilesSuite } from './disk-files.suite.js';
import { FakeHost } from './fake-host.js';
import { createOn, expectLive, runningInstance, seal, write } from './host-steps.js';
import { runHypervisorSuite } from './hypervisor.suite.js';

const makeHost = (): Promise<FakeHost> => Promise.resolve(new FakeHost());

runComputeSuite('in memory', makeHost);
runDiskFilesSuite('in memory', makeHost);
runHypervisorSuite('in memory', makeHost, ['drive', 'blockdev', 'chain']);

describe('the fake host errs as QEMU does', () => {
  /** Without the checks of the adapters: what QEMU itself would do. */
  async function carelessHost(): Promise<FakeHost> {
    const host = new FakeHost();
    host.hypervisor.isCareful = false;
    return host;
  }
  const path = (host: FakeHost, instance: InstanceId, file: FileId): Promise<string> =>
    host.diskFiles.layerPath(instance, file);

  it('loses the guest its data, without any error, when disk is moved before the switch', async () => {
    const host = await carelessHost();
    const { instance, boot, written } = await runningInstance(host, 'chain');
    await write(host, instance, written, 1);
    const overlay = await createOn(host, instance, boot);
    await host.diskFiles.pointDiskAt(instance, overlay);
    await host.hypervisor.switchToOverlay(instance, await path(host, instance, overlay), 1_000);
    await expect(expectLive(host, instance, written)).rejects.toThrow(/as the guest sees it/);
    const open = await host.hypervisor.openLayers(instance);
    expect(open?.[1]?.inode, 'QEMU has opened the overlay as its own backing file').toBe(open?.[0]?.inode);
  });

  it('writes into the active layer when a merge is made into a layer with a stale name', async () => {
    const host = await carelessHost();
    const { instance, boot, written } = await runningInstance(host, 'chain');
    await write(host, instance, written, 1);
    const first = await seal(host, instance, boot);
    await write(host, instance, written, 2, [3]);
    const second = await seal(host, instance, first);
    await write(host, instance, written, 3, [3]);
    const [from, into] = [await path(host, instance, first), await path(host, instance, boot)];
    await host.hypervisor.commit(instance, from, into, { bytesPerSecond: 0 });
    await expect(expectLive(host, instance, written)).rejects.toThrow(/as the guest sees it/);
    expect(second).not.toBe(first);
  });

  it('keeps its descriptor when the name leads nowhere', async () => {
    const host = await carelessHost();
    const { instance, boot, written } = await runningInstance(host, 'chain');
    await write(host, instance, written, 1);
    const first = await seal(host, instance, boot);
    await write(host, instance, written, 2, [3]);
    const second = await createOn(host, instance, first);
    await host.diskFiles.pointDiskAt(instance, second);
    host.unlink(await path(host, instance, first));
    await host.hypervisor.switchToOverlay(instance, await path(host, instance, second), 1_000);
    await expectLive(host, instance, written);
  });

  it('gives the inode number of a file that is gone to the next one', async () => {
    const host = await carelessHost();
    const { instance, boot } = await runningInstance(host, 'chain');
    const gone = await createOn(host, instance, boot);
    const before = await host.diskFiles.fingerprint(instance, gone);
    await host.diskFiles.removeLayer(instance, gone);
    const next = await createOn(host, instance, boot);
    expect((await host.diskFiles.fingerprint(instance, next))?.inode).toBe(before?.inode);
  });
});
