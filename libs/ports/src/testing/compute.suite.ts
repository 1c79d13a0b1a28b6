import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HostHarness } from './host-harness.js';
import { createOn, expectLive, runningInstance, write } from './host-steps.js';

/** What callers rely on in whoever starts and stops instances. */
export function runComputeSuite(name: string, makeHost: () => Promise<HostHarness>): void {
  describe(`compute ${name}`, () => {
    let host: HostHarness;
    beforeAll(async () => {
      host = await makeHost();
    });
    afterAll(() => host.close());

    it('starts an instance and stops it; both have nothing to do the second time', async () => {
      const instance = await host.newInstance('drive');
      await host.compute.stop(instance, 0);
      await host.start(instance);
      await host.start(instance);
      expect(await host.hypervisor.powerState(instance)).toBe('running');
      await host.compute.stop(instance, 0);
      expect(await host.hypervisor.powerState(instance)).toBe('stopped');
      await host.compute.stop(instance, 0);
    });

    it('leaves nothing of the disk open when it has stopped an instance', async () => {
      const { instance, boot, written } = await runningInstance(host, 'drive');
      await write(host, instance, written, 5);
      await host.compute.stop(instance, 0);
      expect(await host.diskFiles.isOpenForWriting(instance, boot)).toBe(false);
      const writer = await host.diskFiles.openWriter(instance, boot);
      await writer.finish();
      await host.start(instance);
      await expectLive(host, instance, written);
    });

    it('stops a guest that does not listen, once its grace is over', async () => {
      const { instance } = await runningInstance(host, 'drive');
      await host.compute.stop(instance, 300);
      expect(await host.hypervisor.powerState(instance)).toBe('stopped');
    });

    it('stops a paused instance', async () => {
      const { instance } = await runningInstance(host, 'drive');
      await host.pause(instance);
      await host.compute.stop(instance, 60_000);
      expect(await host.hypervisor.powerState(instance)).toBe('stopped');
    });

    it('starts an instance after a power cut', async () => {
      const { instance, written } = await runningInstance(host, 'drive');
      await write(host, instance, written, 6);
      await host.powerCut(instance);
      await host.start(instance);
      await expectLive(host, instance, written);
    });

    it('starts on what the name disk leads to', async () => {
      const { instance, boot, written } = await runningInstance(host, 'drive');
      await write(host, instance, written, 7);
      await host.compute.stop(instance, 0);
      const other = await createOn(host, instance, boot);
      await host.diskFiles.pointDiskAt(instance, other);
      await host.start(instance);
      await expectLive(host, instance, written);
      expect(await host.diskFiles.isOpenForWriting(instance, other)).toBe(true);
      expect(await host.diskFiles.isOpenForWriting(instance, boot)).toBe(false);
    });
  });
}
