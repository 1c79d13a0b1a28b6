import { mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HypervisorRefusedError, OutcomeUnknownError, QuiesceFailedError } from '@varve/core';
import type { FileId, InstanceId } from '@varve/core';
import type { Hypervisor } from '@varve/ports';
import { commit, createOn, expectCold, expectLive, runningInstance, seal, write } from '@varve/ports/testing';
import { makeRealHost } from '../testing/real-host.js';
import type { RealHost } from '../testing/real-host.js';
import { QmpConnection } from './qmp-connection.js';
import { QmpHypervisor } from './qmp-hypervisor.js';

describe('a QEMU in trouble', () => {
  let host: RealHost;
  /** For a monitor that does not answer. Where QEMU does, it has the time that a busy machine takes. */
  let hasty: QmpHypervisor;
  const unreadable: unknown[] = [];
  beforeAll(async () => {
    host = await makeRealHost();
    hasty = new QmpHypervisor({
      instancesDir: host.instancesDir,
      greetingMs: 300,
      onUnreadable: (_, error) => unreadable.push(error),
    });
  });
  afterAll(() => host.close());

  const socketOf = (instance: InstanceId) => join(host.instancesDir, instance, 'qmp.sock');
  const nodesOf = async (instance: InstanceId) =>
    (await host.qmp<{ 'node-name': string }[]>(instance, 'query-named-block-nodes', { flat: true })).map(
      (node) => node['node-name'],
    );
  const switchTo = async (hypervisor: Hypervisor, instance: InstanceId, overlay: FileId, deadlineMs = 30_000) =>
    hypervisor.switchToOverlay(instance, await host.diskFiles.layerPath(instance, overlay), deadlineMs);

  it('is not stopped only because somebody else uses its monitor', async () => {
    const { instance, boot } = await runningInstance(host, 'drive');
    const somebody = await QmpConnection.open(socketOf(instance), 30_000);
    try {
      expect(await hasty.powerState(instance)).toBe('running');
      await expect(hasty.openLayers(instance)).rejects.toBeInstanceOf(OutcomeUnknownError);
    } finally {
      somebody.close();
    }
    await seal(host, instance, boot);
  });

  it('is not stopped only because its monitor socket is gone', async () => {
    const { instance, boot } = await runningInstance(host, 'drive');
    const overlay = await createOn(host, instance, boot);
    await rename(socketOf(instance), `${socketOf(instance)}.away`);
    expect(await hasty.powerState(instance)).toBe('running');
    await expect(switchTo(hasty, instance, overlay)).rejects.toBeInstanceOf(OutcomeUnknownError);
    await expect(hasty.openLayers(instance)).rejects.toBeInstanceOf(OutcomeUnknownError);
    await rename(`${socketOf(instance)}.away`, socketOf(instance));
    await switchTo(host.hypervisor, instance, overlay);
  });

  it('is not stopped when it hangs; what was asked of it may have happened', async () => {
    const { instance, boot, written } = await runningInstance(host, 'drive');
    const overlay = await createOn(host, instance, boot);
    const pid = await host.pidOf(instance);
    process.kill(pid, 'SIGSTOP');
    try {
      expect(await hasty.powerState(instance)).toBe('running');
      await expect(switchTo(hasty, instance, overlay, 300)).rejects.toBeInstanceOf(OutcomeUnknownError);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await switchTo(host.hypervisor, instance, overlay);
    await host.diskFiles.pointDiskAt(instance, overlay);
    await write(host, instance, written, 8);
    await expectLive(host, instance, written);
  });

  it('gets rid of what a switch that died half-way has opened', async () => {
    const { instance, boot, written } = await runningInstance(host, 'drive');
    const overlay = await createOn(host, instance, boot);
    const path = await host.diskFiles.layerPath(instance, overlay);
    const openNode = async (node: string) => {
      await host.qmp(instance, 'blockdev-add', { driver: 'file', 'node-name': `${node}-f`, filename: path });
      await host.qmp(instance, 'blockdev-add', {
        driver: 'qcow2',
        'node-name': node,
        file: `${node}-f`,
        backing: null,
      });
    };
    const before = await nodesOf(instance);
    await openNode('varve-dead');
    expect(await nodesOf(instance)).not.toEqual(before);
    await host.hypervisor.closeLeftovers(instance);
    expect(await nodesOf(instance)).toEqual(before);

    await openNode('varve-dead-too');
    await write(host, instance, written, 4);
    await switchTo(host.hypervisor, instance, overlay);
    await host.diskFiles.pointDiskAt(instance, overlay);
    expect((await nodesOf(instance)).filter((name) => name.startsWith('varve-dead'))).toEqual([]);
    await expectLive(host, instance, written);
  });

  it('leaves nothing open of an overlay that it refused', async () => {
    const { instance, boot, written } = await runningInstance(host, 'drive');
    const overlay = await createOn(host, instance, boot);
    await spoil(await host.diskFiles.layerPath(instance, overlay));
    const before = await nodesOf(instance);
    await expect(switchTo(host.hypervisor, instance, overlay)).rejects.toBeInstanceOf(HypervisorRefusedError);
    expect(await nodesOf(instance)).toEqual(before);
    await write(host, instance, written, 5);
    await seal(host, instance, boot);
    await expectLive(host, instance, written);
  });

  /** Makes the refcount table lie where none can: only QEMU looks at that. */
  async function spoil(path: string): Promise<void> {
    const file = await open(path, 'r+');
    await file.write(Buffer.from([0, 0, 0, 0, 0, 0, 0x12, 0x34]), 0, 8, 48);
    await file.close();
  }

  /** Bytes per second: 2 MiB take minutes, unless the test ends the merge or makes it faster. */
  const SLOW = 2 ** 14;

  /** `[base] <- [boot] <- [h] <- [s] <- [active]` with 2 MiB in s. */
  async function stacked() {
    const { instance, boot, written } = await runningInstance(host, 'blockdev');
    const many = Array.from({ length: 32 }, (_, index) => index * 2);
    const h = await seal(host, instance, boot);
    await write(host, instance, written, 1, many);
    const s = await seal(host, instance, h);
    await write(host, instance, written, 2, many);
    await seal(host, instance, s);
    await write(host, instance, written, 3, [0, 6]);
    const [from, into] = [await host.diskFiles.layerPath(instance, s), await host.diskFiles.layerPath(instance, h)];
    return { instance, h, s, from, into, written };
  }

  it('whose merge somebody cancelled has the chain as before', async () => {
    const { instance, h, s, from, into, written } = await stacked();
    const before = await host.hypervisor.openLayers(instance);
    const cancelled: Promise<unknown>[] = [];
    const merge = host.hypervisor.commit(instance, from, into, {
      bytesPerSecond: SLOW,
      onProgress: (done) => {
        if (done > 0 && cancelled.length === 0) {
          cancelled.push(host.qmp(instance, 'job-cancel', { id: `varve-merge-${s}` }));
        }
      },
    });
    await expect(merge).rejects.toBeInstanceOf(HypervisorRefusedError);
    await Promise.all(cancelled);
    expect(await host.hypervisor.openLayers(instance)).toEqual(before);
    await expectLive(host, instance, written);
    await commit(host, instance, s, h);
    await expectLive(host, instance, written);
  });

  it('goes on merging for the next life of the worker, which finds the job', async () => {
    const { instance, s, from, into, written } = await stacked();
    const firstLife = host.hypervisor.commit(instance, from, into, { bytesPerSecond: SLOW });
    const faster: Promise<unknown>[] = [];
    let progress = 0;
    await new QmpHypervisor({ instancesDir: host.instancesDir }).commit(instance, from, into, {
      bytesPerSecond: 1,
      onProgress: (done) => {
        progress = done;
        if (done > 0 && faster.length === 0) {
          faster.push(host.qmp(instance, 'block-job-set-speed', { device: `varve-merge-${s}`, speed: 0 }));
        }
      },
    });
    expect(progress).toBeGreaterThan(0);
    await Promise.all(faster);
    await firstLife;
    expect((await host.hypervisor.openLayers(instance)) ?? []).toHaveLength(4);
    await host.diskFiles.removeLayer(instance, s);
    await expectLive(host, instance, written);
    await expectCold(host, instance, 'disk', written);
  });

  it('does not hide the others when one is described badly', async () => {
    const bad = randomUUID();
    await mkdir(join(host.instancesDir, bad));
    await writeFile(join(host.instancesDir, bad, 'instance.json'), '{');
    const good = await host.newInstance('drive');
    expect((await hasty.list()).map(({ id }) => id)).toContain(good);
    expect(unreadable).toContainEqual(expect.objectContaining({ message: expect.stringContaining(bad) as string }));
    await rm(join(host.instancesDir, bad), { recursive: true });
  });

  it('without a channel for an agent can not be frozen', async () => {
    const { instance } = await runningInstance(host, 'drive');
    await expect(host.hypervisor.freeze(instance, 1_000)).rejects.toBeInstanceOf(QuiesceFailedError);
    await host.hypervisor.ensureThawed(instance);
  });

  it('has a version', async () => {
    expect(await host.hypervisor.versions()).toEqual({ qemu: expect.stringMatching(/^\d+\.\d+/) as string });
  });
});
