import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ChainDivergedError,
  DiskBusyError,
  HypervisorRefusedError,
  InstanceNotRunningError,
  OutcomeUnknownError,
} from '@varve/core';
import type { FileId, InstanceId } from '@varve/core';
import type { HostHarness, StartStyle } from './host-harness.js';
import {
  baseOf,
  BLOCKS,
  commit,
  createOn,
  expectCold,
  expectLive,
  inodeOf,
  letGo,
  openInodes,
  runningInstance,
  seal,
  write,
} from './host-steps.js';
import type { Written } from './host-steps.js';

/** What callers rely on in a hypervisor, under each way of starting QEMU. */
export function runHypervisorSuite(
  name: string,
  makeHost: () => Promise<HostHarness>,
  styles: readonly StartStyle[],
): void {
  describe.each(styles)(`hypervisor ${name}, QEMU started by %s`, (style) => {
    let host: HostHarness;
    beforeAll(async () => {
      host = await makeHost();
    });
    afterAll(() => host.close());

    const boot = () => runningInstance(host, style);

    describe('looking', () => {
      it('knows the instances of the host and how they are', async () => {
        const instance = await host.newInstance(style);
        expect(await host.hypervisor.powerState(instance)).toBe('stopped');
        await host.start(instance);
        expect(await host.hypervisor.powerState(instance)).toBe('running');
        await host.pause(instance);
        expect(await host.hypervisor.powerState(instance)).toBe('paused');
        expect(await host.hypervisor.find(instance)).toMatchObject({ id: instance, state: 'paused' });
        expect((await host.hypervisor.list()).map(({ id }) => id)).toContain(instance);
        await host.powerCut(instance);
        expect(await host.hypervisor.powerState(instance)).toBe('stopped');
      });

      it('has no answer for an instance of another host', async () => {
        expect(await host.hypervisor.find(host.newFileId() as string as InstanceId)).toBeNull();
      });

      it('says what QEMU has open, by the name that QEMU knows', async () => {
        const { instance, boot: bootLayer } = await boot();
        const layers = (await host.hypervisor.openLayers(instance)) ?? [];
        expect(layers.map(({ readOnly }) => readOnly)).toEqual([false, true]);
        expect(layers[0]?.name).toMatch(/\/disk$/);
        expect(layers[0]?.inode).toBe(await inodeOf(host, instance, bootLayer));

        const overlay = await seal(host, instance, bootLayer);
        const after = (await host.hypervisor.openLayers(instance)) ?? [];
        expect(after.map(({ readOnly }) => readOnly)).toEqual([false, true, true]);
        expect(after[0]?.name).toBe(await host.diskFiles.layerPath(instance, overlay));
        expect(after[1]?.name, 'the boot-time layer keeps the name it was opened by').toMatch(/\/disk$/);
        expect(after[1]?.inode, 'which by now leads to the active layer').toBe(await inodeOf(host, instance, overlay));
      });

      it('has nothing open of a stopped instance', async () => {
        const instance = await host.newInstance(style);
        expect(await host.hypervisor.openLayers(instance)).toBeNull();
      });

      it("finds somebody else's job, and leaves the disk alone while it runs", async () => {
        const { instance, boot: bootLayer } = await boot();
        expect(await host.hypervisor.foreignJob(instance)).toBeNull();
        await host.startForeignJob(instance);
        expect(await host.hypervisor.foreignJob(instance)).toEqual(expect.any(String));
        await expect(seal(host, instance, bootLayer)).rejects.toBeInstanceOf(DiskBusyError);
      });
    });

    describe('switching', () => {
      it('takes five layers in a row; the guest goes on reading what lies frozen', async () => {
        const { instance, boot: bootLayer, written } = await boot();
        let active = bootLayer;
        let history: FileId | null = null;
        for (let round = 1; round <= 5; round++) {
          await write(host, instance, written, round, [round, 10, 20 + round]);
          const sealed = active;
          const frozen = new Map(written);
          active = await seal(host, instance, sealed);
          await expectLive(host, instance, written);
          await write(host, instance, written, 100 + round, [round, 30 + round]);
          await expectLive(host, instance, written);
          await expectCold(host, instance, sealed, frozen);
          // The boot-time layer stays as the bottom; what is sealed later goes into the first one above it.
          if (sealed !== bootLayer && history === null) history = sealed;
          else if (sealed !== bootLayer && history !== null) {
            await commit(host, instance, sealed, history);
            await letGo(host, instance, [sealed], [history, active]);
            await expectLive(host, instance, written);
            await expectCold(host, instance, history, frozen);
          }
          expect((await host.diskFiles.findChain(instance)).length).toBeLessThanOrEqual(4);
        }
        await expectCold(host, instance, 'disk', written);
        await host.compute.stop(instance, 0);
        await expectCold(host, instance, 'disk', written);
        await host.start(instance);
        await expectLive(host, instance, written);
      });

      it('keeps a paused instance paused', async () => {
        const { instance, boot: bootLayer, written } = await boot();
        await write(host, instance, written, 9);
        await host.pause(instance);
        await seal(host, instance, bootLayer);
        expect(await host.hypervisor.powerState(instance)).toBe('paused');
        await expectCold(host, instance, bootLayer, written);
      });

      it('refuses an overlay that does not stand on the active layer, and changes nothing', async () => {
        const { instance, boot: bootLayer, written } = await boot();
        const first = await seal(host, instance, bootLayer);
        const astray = await createOn(host, instance, bootLayer);
        const path = await host.diskFiles.layerPath(instance, astray);
        await expect(host.hypervisor.switchToOverlay(instance, path, 5_000)).rejects.toBeInstanceOf(ChainDivergedError);
        expect((await openInodes(host, instance))[0]).toBe(await inodeOf(host, instance, first));
        await write(host, instance, written, 3);
        await seal(host, instance, first);
        await expectLive(host, instance, written);
      });

      it('takes a layer that QEMU writes to already for a switch that was late, not for a refused one', async () => {
        const { instance, boot: bootLayer } = await boot();
        const overlay = await createOn(host, instance, bootLayer);
        const path = await host.diskFiles.layerPath(instance, overlay);
        await host.hypervisor.switchToOverlay(instance, path, 5_000);
        const again = (): Promise<unknown> => host.hypervisor.switchToOverlay(instance, path, 5_000);
        await expect(again()).rejects.toBeInstanceOf(OutcomeUnknownError);
        // `disk` leads to the layer below still.
        await expect(host.diskFiles.removeLayer(instance, overlay)).rejects.toBeInstanceOf(ChainDivergedError);
        await host.startForeignJob(instance);
        await expect(again()).rejects.toBeInstanceOf(OutcomeUnknownError);
      });

      it('says so when there is no QEMU process', async () => {
        const instance = await host.newInstance(style);
        const bottom = host.newFileId();
        await host.diskFiles.adoptDisk(instance, bottom);
        const path = await host.diskFiles.layerPath(instance, await createOn(host, instance, bottom));
        await expect(host.hypervisor.switchToOverlay(instance, path, 5_000)).rejects.toBeInstanceOf(
          InstanceNotRunningError,
        );
      });

      it('can be followed by closing leftovers, at any time', async () => {
        const { instance, boot: bootLayer, written } = await boot();
        await host.hypervisor.closeLeftovers(instance);
        const active = await seal(host, instance, bootLayer);
        await host.hypervisor.closeLeftovers(instance);
        await write(host, instance, written, 4);
        await seal(host, instance, active);
        await host.hypervisor.closeLeftovers(instance);
        await expectLive(host, instance, written);
      });
    });

    /** `[base] <- [boot] <- [h] <- [s] <- [active]`, each with something of its own. */
    async function stacked(): Promise<{
      instance: InstanceId;
      bottom: FileId;
      h: FileId;
      s: FileId;
      active: FileId;
      written: Written;
      asOfS: Written;
    }> {
      const { instance, boot: bottom, written } = await boot();
      await write(host, instance, written, 11, BLOCKS);
      const h = await seal(host, instance, bottom);
      await write(host, instance, written, 12, BLOCKS.slice(1));
      const s = await seal(host, instance, h);
      await write(host, instance, written, 13, BLOCKS.slice(2, 6));
      const asOfS = new Map(written);
      const active = await seal(host, instance, s);
      await write(host, instance, written, 14, BLOCKS.slice(3, 5));
      return { instance, bottom, h, s, active, written, asOfS };
    }

    describe('merging while the guest runs', () => {
      it('makes the target the backing file and lets go of the source', async () => {
        const { instance, bottom, h, s, active, written, asOfS } = await stacked();
        await commit(host, instance, s, h);
        const open = await openInodes(host, instance);
        expect(open).toHaveLength(4);
        expect(open.slice(0, 2)).toEqual([await inodeOf(host, instance, active), await inodeOf(host, instance, h)]);
        await expectLive(host, instance, written);
        await expectCold(host, instance, 'disk', written);
        await expectCold(host, instance, h, asOfS);
        await expectCold(host, instance, s, asOfS);
        expect((await host.diskFiles.findChain(instance)).map(({ inode }) => inode)).toEqual([
          await inodeOf(host, instance, active),
          await inodeOf(host, instance, h),
          await inodeOf(host, instance, bottom),
        ]);
        await letGo(host, instance, [s], [h, active]);
        await write(host, instance, written, 15);
        await expectLive(host, instance, written);
      });

      it('finds that it was done already', async () => {
        const { instance, h, s, written } = await stacked();
        await commit(host, instance, s, h);
        await commit(host, instance, s, h);
        await expectLive(host, instance, written);
      });

      it('refuses a target that QEMU knows by another name: it would open the active layer by that name', async () => {
        const { instance, boot: bottom, written } = await boot();
        await write(host, instance, written, 21);
        const first = await seal(host, instance, bottom);
        await write(host, instance, written, 22, BLOCKS.slice(3));
        await seal(host, instance, first);
        await write(host, instance, written, 23, BLOCKS.slice(5));
        const before = await openInodes(host, instance);
        await expect(commit(host, instance, first, bottom)).rejects.toBeInstanceOf(ChainDivergedError);
        expect(await openInodes(host, instance)).toEqual(before);
        await expectLive(host, instance, written);
        await expectCold(host, instance, 'disk', written);
      });

      it('takes the layer with the stale name as a source', async () => {
        const { instance, boot: bottom, written } = await boot();
        await write(host, instance, written, 31);
        const second = await seal(host, instance, bottom);
        await write(host, instance, written, 32, BLOCKS.slice(2));
        await host.compute.stop(instance, 0);
        await host.start(instance);
        await write(host, instance, written, 33, BLOCKS.slice(4));
        const third = await seal(host, instance, second);
        await write(host, instance, written, 34, BLOCKS.slice(6));
        await commit(host, instance, second, bottom);
        await letGo(host, instance, [second], [bottom, third]);
        await expectLive(host, instance, written);
        await expectCold(host, instance, third, written);
      });

      it('takes only the layer directly below the active one', async () => {
        const { instance, bottom, h, s, active, written } = await stacked();
        await expect(commit(host, instance, h, bottom)).rejects.toBeInstanceOf(ChainDivergedError);
        await expect(commit(host, instance, active, s)).rejects.toBeInstanceOf(ChainDivergedError);
        await expectLive(host, instance, written);
      });

      it('carries zeroed ranges over', async () => {
        const { instance, boot: bottom, written } = await boot();
        await write(host, instance, written, 41);
        const h = await seal(host, instance, bottom);
        await write(host, instance, written, 42, BLOCKS.slice(0, 3));
        const s = await seal(host, instance, h);
        for (const block of [0, 31, 40]) {
          await host.guestZero(instance, block);
          written.set(block, 0);
        }
        await seal(host, instance, s);
        await expectLive(host, instance, written);
        await commit(host, instance, s, h);
        await expectLive(host, instance, written);
        await expectCold(host, instance, 'disk', written);
      });

      it('leaves a chain that holds every byte when the power fails in the middle, and can be done again', async () => {
        const { instance, boot: bottom, written } = await boot();
        const many = Array.from({ length: 48 }, (_, index) => index);
        await write(host, instance, written, 51, many);
        const h = await seal(host, instance, bottom);
        await write(host, instance, written, 52, many.slice(8));
        const s = await seal(host, instance, h);
        await write(host, instance, written, 53, many.slice(4));
        const asOfS = new Map(written);
        const active = await seal(host, instance, s);
        await write(host, instance, written, 54, many.slice(44));

        expect(await host.powerCutDuringCommit(instance, s, h)).toBeInstanceOf(OutcomeUnknownError);
        await expectCold(host, instance, 'disk', written);
        await expectCold(host, instance, s, asOfS);

        await host.start(instance);
        await expectLive(host, instance, written);
        await commit(host, instance, s, h);
        await letGo(host, instance, [s], [h, active]);
        await expectLive(host, instance, written);
        await expectCold(host, instance, h, asOfS);
      });
    });

    describe('streaming while the guest runs', () => {
      const stream = async (instance: InstanceId) =>
        host.hypervisor.stream(instance, await baseOf(host, instance), { bytesPerSecond: 0 });

      it('leaves the active layer alone on the base image, also above the layer with the stale name', async () => {
        const { instance, boot: bottom, written } = await boot();
        await write(host, instance, written, 71, BLOCKS);
        const h = await seal(host, instance, bottom);
        await write(host, instance, written, 72, BLOCKS.slice(1));
        await host.guestZero(instance, BLOCKS[3] ?? 0);
        written.set(BLOCKS[3] ?? 0, 0);
        const asOfH = new Map(written);
        const active = await seal(host, instance, h, 'plain');
        await write(host, instance, written, 73, BLOCKS.slice(2, 3));
        await stream(instance);
        expect(await openInodes(host, instance)).toEqual([await inodeOf(host, instance, active), expect.any(String)]);
        expect((await host.diskFiles.findChain(instance)).map(({ inode }) => inode)).toEqual([
          await inodeOf(host, instance, active),
        ]);
        await expectLive(host, instance, written);
        await expectCold(host, instance, 'disk', written);
        await expectCold(host, instance, h, asOfH);
        await stream(instance);
        await host.hypervisor.closeLeftovers(instance);
        await letGo(host, instance, [h, bottom], [active]);
        await write(host, instance, written, 74);
        await expectLive(host, instance, written);
        await host.compute.stop(instance, 0);
        await host.start(instance);
        await expectLive(host, instance, written);
        await seal(host, instance, active);
        await expectLive(host, instance, written);
      });

      it('is refused into a layer with extended L2 entries, which QEMU would die of', async () => {
        const { instance, boot: bottom, written } = await boot();
        await write(host, instance, written, 75);
        await seal(host, instance, bottom);
        await write(host, instance, written, 76, BLOCKS.slice(2));
        const before = await openInodes(host, instance);
        await expect(stream(instance)).rejects.toBeInstanceOf(HypervisorRefusedError);
        expect(await openInodes(host, instance)).toEqual(before);
        await expectLive(host, instance, written);
      });
    });

    describe('replacing the backing file', () => {
      /** The merge by copies: h and s as one new layer, made beside them. */
      async function mergeCopies(instance: InstanceId, h: FileId, s: FileId): Promise<FileId> {
        const merged = host.newFileId();
        const upper = host.newFileId();
        await host.diskFiles.copyLayer(instance, h, merged);
        await host.diskFiles.copyLayer(instance, s, upper);
        await host.diskFiles.setBacking(instance, upper, { kind: 'layer', file: merged });
        await host.diskFiles.commitOffline(instance, upper, merged);
        await host.diskFiles.removeLayer(instance, upper);
        return merged;
      }

      it.each([
        ['after a switch', false],
        ['when the active layer is the one that QEMU was started on', true],
      ])('stands the active layer on another chain %s', async (_, restarted) => {
        const { instance, bottom, h, s, active, written } = await stacked();
        if (!host.hypervisor.canReplaceBacking) return;
        if (restarted) {
          await host.compute.stop(instance, 0);
          await host.start(instance);
        }
        const merged = await mergeCopies(instance, h, s);
        const below = [
          { path: await host.diskFiles.layerPath(instance, bottom), format: 'qcow2' as const },
          await baseOf(host, instance),
        ];
        const replace = async () =>
          host.hypervisor.replaceBacking(instance, await host.diskFiles.layerPath(instance, merged), below);
        await replace();
        await host.diskFiles.syncLayer(instance, active);
        expect(await openInodes(host, instance)).toEqual([
          await inodeOf(host, instance, active),
          await inodeOf(host, instance, merged),
          await inodeOf(host, instance, bottom),
          expect.any(String),
        ]);
        await replace();
        await expectLive(host, instance, written);
        await letGo(host, instance, [s, h], [active]);
        await expectLive(host, instance, written);
        await expectCold(host, instance, 'disk', written);

        await write(host, instance, written, 61, BLOCKS.slice(2, 4));
        const next = await seal(host, instance, active);
        await write(host, instance, written, 62, BLOCKS.slice(3, 6));
        if (!restarted) await commit(host, instance, active, merged);
        await expectLive(host, instance, written);
        await expectCold(host, instance, next, written);
        await host.powerCut(instance);
        await host.start(instance);
        await expectLive(host, instance, written);
      });
    });
  });
}
