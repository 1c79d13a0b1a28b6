import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ChainDivergedError, InstanceRunningError, NotFoundError } from '@varve/core';
import type { ChainRecord, FileId, InstanceId, LayerUid, StateDigests } from '@varve/core';
import type { HostHarness } from './host-harness.js';
import { baseOf, createOn, expectCold, expectLive, inodeOf, runningInstance, seal, write } from './host-steps.js';

/** What callers rely on in the files of a system disk. */
export function runDiskFilesSuite(name: string, makeHost: () => Promise<HostHarness>): void {
  describe(`disk files ${name}`, () => {
    let host: HostHarness;
    beforeAll(async () => {
      host = await makeHost();
    });
    afterAll(() => host.close());

    /** A stopped instance whose only layer has its permanent name. */
    async function stopped(): Promise<{ instance: InstanceId; bottom: FileId }> {
      const instance = await host.newInstance('drive');
      const bottom = host.newFileId();
      await host.diskFiles.adoptDisk(instance, bottom);
      return { instance, bottom };
    }
    const sizeBytes = () => host.blockBytes * host.blockCount;
    const bytes = (value: number) => Buffer.alloc(host.blockBytes, value);
    const at = (block: number) => block * host.blockBytes;

    /** Writes into a layer that no QEMU has open; 0 zeroes. */
    async function fill(instance: InstanceId, file: FileId, values: Record<number, number>): Promise<void> {
      const writer = await host.diskFiles.openWriter(instance, file);
      await Promise.all(
        Object.entries(values).map(([block, value]) =>
          value === 0 ? writer.zero(at(Number(block)), host.blockBytes) : writer.write(at(Number(block)), bytes(value)),
        ),
      );
      await writer.finish();
    }
    const asMap = (values: Record<number, number>) =>
      new Map(Object.entries(values).map(([block, value]) => [Number(block), value]));

    describe('the chain', () => {
      it('is one layer on a base image for a fresh instance', async () => {
        const instance = await host.newInstance('drive');
        const [layer, ...more] = await host.diskFiles.findChain(instance);
        expect(more).toEqual([]);
        expect(layer).toMatchObject({
          inode: await host.diskFiles.diskInode(instance),
          backing: { format: 'raw' },
          virtualSizeBytes: sizeBytes(),
        });
      });

      it('is not found for an instance of another host', async () => {
        const unknown = host.newFileId() as string as InstanceId;
        await expect(host.diskFiles.findChain(unknown)).rejects.toBeInstanceOf(NotFoundError);
      });

      it('gives a layer one permanent name, called after the base image, which Nova looks for', async () => {
        const { instance, bottom } = await stopped();
        const { path: basePath } = await baseOf(host, instance);
        const path = await host.diskFiles.layerPath(instance, bottom);
        expect(path.endsWith(`/${instance}/layers/${bottom}/${basePath.split('/').at(-1)}`)).toBe(true);
        expect(await inodeOf(host, instance, bottom)).toBe(await host.diskFiles.diskInode(instance));
        expect((await host.diskFiles.adoptDisk(instance, bottom)).inode).toBe(await host.diskFiles.diskInode(instance));
      });

      it('grows by a layer and a moved name while the instance is stopped', async () => {
        const { instance, bottom } = await stopped();
        const overlay = await createOn(host, instance, bottom);
        await host.diskFiles.pointDiskAt(instance, overlay);
        await host.diskFiles.pointDiskAt(instance, overlay);
        expect(await host.diskFiles.diskInode(instance)).toBe(await inodeOf(host, instance, overlay));
        const chain = await host.diskFiles.findChain(instance);
        expect(chain.map(({ inode }) => inode)).toEqual([
          await inodeOf(host, instance, overlay),
          await inodeOf(host, instance, bottom),
        ]);
        expect(chain[0]?.backing).toEqual({
          path: await host.diskFiles.layerPath(instance, bottom),
          format: 'qcow2',
        });

        await host.start(instance);
        await host.guestWrite(instance, 5, 77);
        expect(await host.guestRead(instance, 6)).toBe(host.baseValue(6));
        expect(await host.coldRead(instance, bottom, 5)).toBe(host.baseValue(5));
      });
    });

    describe('what it takes', () => {
      it('is told of each layer, of what `disk` leads to, and of a base image that nobody has read', async () => {
        const { instance, bottom } = await stopped();
        const overlay = await createOn(host, instance, bottom);
        const empty = await host.diskFiles.footprint(instance, overlay);
        await fill(instance, overlay, { 1: 11, 2: 22, 3: 33, 4: 44 });
        const filled = await host.diskFiles.footprint(instance, overlay);
        expect(filled?.allocatedBytes).toBeGreaterThan(empty?.allocatedBytes ?? Infinity);
        expect(filled?.allocatedBytes).toBe(await host.diskFiles.allocatedBytes(instance, overlay));
        expect(filled?.fileBytes).toBeGreaterThanOrEqual(4 * host.blockBytes);
        const disk = await host.diskFiles.footprint(instance, 'disk');
        expect(disk).toEqual(await host.diskFiles.footprint(instance, bottom));
        expect(await host.diskFiles.footprint(instance, host.newFileId())).toBeNull();

        const base = await baseOf(host, instance);
        expect((await host.diskFiles.baseFacts(base))?.sizeBytes).toBe(sizeBytes());
        expect(await host.diskFiles.baseFacts({ ...base, path: `${base.path}.none` })).toBeNull();
      });
    });

    describe('the record', () => {
      it('is absent, then what was written last', async () => {
        const { instance, bottom } = await stopped();
        expect(await host.diskFiles.readRecord(instance)).toBeNull();
        const record: ChainRecord = {
          version: 1,
          instanceId: instance,
          base: await baseOf(host, instance),
          virtualSizeBytes: sizeBytes(),
          files: [{ fileId: bottom, asOf: null, layers: [], inode: await inodeOf(host, instance, bottom) }],
          detached: null,
          safety: null,
          transient: [],
        };
        await host.diskFiles.writeRecord(record);
        expect(await host.diskFiles.readRecord(instance)).toEqual(record);
        const later: ChainRecord = { ...record, transient: [host.newFileId()] };
        await host.diskFiles.writeRecord(later);
        expect(await host.diskFiles.readRecord(instance)).toEqual(later);
      });
    });

    describe('digests', () => {
      it('are absent, then what was written last, then gone', async () => {
        const { instance, bottom } = await stopped();
        const files = [{ fileId: bottom, asOf: null, layers: [], inode: await inodeOf(host, instance, bottom) }];
        const chain = { base: await baseOf(host, instance), virtualSizeBytes: sizeBytes(), files };
        const beside = { detached: null, safety: null, transient: [] };
        await host.diskFiles.writeRecord({ version: 1, instanceId: instance, ...chain, ...beside });
        expect(await host.diskFiles.readDigests(instance)).toBeNull();
        const digests: StateDigests = {
          asOf: host.newFileId() as string as LayerUid,
          baseSha256: null,
          virtualSizeBytes: sizeBytes(),
          pieceBytes: 65_536,
          pieces: [[1, 2]],
          sha256: Buffer.alloc(64, 7),
        };
        await host.diskFiles.writeDigests(instance, digests);
        expect(await host.diskFiles.readDigests(instance)).toEqual(digests);
        const fewer = { ...digests, pieces: [], sha256: Buffer.alloc(0) };
        await host.diskFiles.writeDigests(instance, fewer);
        expect(await host.diskFiles.readDigests(instance)).toEqual(fewer);
        await host.diskFiles.writeDigests(instance, null);
        await host.diskFiles.writeDigests(instance, null);
        expect(await host.diskFiles.readDigests(instance)).toBeNull();
      });
    });

    describe('looking', () => {
      it('tells a layer that a guest writes to from one that it only reads', async () => {
        const { instance, boot } = await runningInstance(host, 'drive');
        expect(await host.diskFiles.isOpenForWriting(instance, boot)).toBe(true);
        const active = await seal(host, instance, boot);
        expect(await host.diskFiles.isOpenForWriting(instance, boot)).toBe(false);
        expect(await host.diskFiles.isOpenForWriting(instance, active)).toBe(true);
        await host.pause(instance);
        expect(await host.diskFiles.isOpenForWriting(instance, active)).toBe(true);
        await host.powerCut(instance);
        expect(await host.diskFiles.isOpenForWriting(instance, active)).toBe(false);
      });

      it('notices by its fingerprint that a layer was written to', async () => {
        const { instance, bottom } = await stopped();
        const before = await host.diskFiles.fingerprint(instance, bottom);
        expect(await host.diskFiles.fingerprint(instance, bottom)).toEqual(before);
        await host.start(instance);
        await host.guestWrite(instance, 3, 5);
        await host.compute.stop(instance, 0);
        expect(await host.diskFiles.fingerprint(instance, bottom)).not.toEqual(before);
        expect(await host.diskFiles.fingerprint(instance, host.newFileId())).toBeNull();
      });

      it('knows the space that a layer takes and the space that is left', async () => {
        const { instance, bottom } = await stopped();
        const empty = await host.diskFiles.allocatedBytes(instance, bottom);
        await fill(instance, bottom, { 4: 9, 5: 9 });
        expect(await host.diskFiles.allocatedBytes(instance, bottom)).toBeGreaterThanOrEqual(
          empty + 2 * host.blockBytes,
        );
        expect(await host.diskFiles.allocatedBytes(instance, host.newFileId())).toBe(0);
        expect(await host.diskFiles.freeBytes(instance)).toBeGreaterThan(0);
        expect(await host.diskFiles.canReflink(instance)).toEqual(expect.any(Boolean));
      });

      it('knows a base image by its content', async () => {
        const { instance } = await stopped();
        const base = await baseOf(host, instance);
        const digest = await host.diskFiles.baseDigest(base);
        expect(digest.sha256).toMatch(/^[0-9a-f]{64}$/);
        expect(digest.sizeBytes).toBe(sizeBytes());
        expect(await host.diskFiles.baseDigest(base)).toEqual(digest);
      });

      it('says which ranges a layer alone defines', async () => {
        const { instance, bottom } = await stopped();
        const layer = await createOn(host, instance, bottom);
        expect(await host.diskFiles.extents(instance, layer)).toEqual([]);
        await fill(instance, bottom, { 20: 8 });
        await fill(instance, layer, { 2: 1, 3: 2, 9: 0, 12: 3 });
        const extents = await host.diskFiles.extents(instance, layer);
        // Runs may be cut where the file's order is another than the guest's; taken together they are exact.
        const defined = new Map<number, boolean>();
        let end = 0;
        for (const [guestOffset, length, fileOffset] of extents) {
          expect(guestOffset).toBeGreaterThanOrEqual(end);
          end = guestOffset + length;
          for (let block = guestOffset; block < end; block += host.blockBytes) {
            defined.set(block / host.blockBytes, fileOffset === -1);
          }
        }
        expect([...defined]).toEqual([
          [2, false],
          [3, false],
          [9, true],
          [12, false],
        ]);
      });

      it('does not read the extents of a layer that a guest writes to', async () => {
        const { instance, boot } = await runningInstance(host, 'drive');
        await expect(host.diskFiles.extents(instance, boot)).rejects.toBeInstanceOf(InstanceRunningError);
      });
    });

    describe('writing and reading layers', () => {
      it('shows what was written, zeroes included, whatever lies below', async () => {
        const { instance, bottom } = await stopped();
        await fill(instance, bottom, { 1: 11, 2: 12, 3: 13 });
        const layer = await createOn(host, instance, bottom);
        await fill(instance, layer, { 2: 0, 3: 33, 40: 0 });
        const expected = asMap({ 1: 11, 2: 0, 3: 33, 40: 0 });
        await expectCold(host, instance, layer, expected);
        const reader = await host.diskFiles.openReader(instance, layer);
        for (const [block, value] of expected) {
          expect((await reader.read(at(block), host.blockBytes)).equals(bytes(value))).toBe(true);
        }
        expect((await reader.read(at(50), host.blockBytes))[0]).toBe(host.baseValue(50));
        await reader.close();
        await reader.close();
      });

      it('reads a sealed layer while a guest runs on top of it', async () => {
        const { instance, boot, written } = await runningInstance(host, 'drive');
        await write(host, instance, written, 6);
        const frozen = new Map(written);
        await seal(host, instance, boot);
        await write(host, instance, written, 7);
        const reader = await host.diskFiles.openReader(instance, boot);
        for (const [block, value] of frozen) {
          expect((await reader.read(at(block), host.blockBytes)).equals(bytes(value))).toBe(true);
        }
        await reader.close();
      });

      it('never writes to a layer that a guest has', async () => {
        const { instance, boot } = await runningInstance(host, 'drive');
        await expect(host.diskFiles.openWriter(instance, boot)).rejects.toBeInstanceOf(InstanceRunningError);
      });

      it('may be given up half-way, and after the end', async () => {
        const { instance, bottom } = await stopped();
        const layer = await createOn(host, instance, bottom);
        const writer = await host.diskFiles.openWriter(instance, layer);
        await writer.write(at(1), bytes(1));
        await writer.close();
        await fill(instance, layer, { 1: 2 });
        await expectCold(host, instance, layer, asMap({ 1: 2 }));
      });
    });

    describe('changing the chain', () => {
      it('copies a layer with its backing link', async () => {
        const { instance, bottom } = await stopped();
        const layer = await createOn(host, instance, bottom);
        await fill(instance, layer, { 2: 21, 3: 0 });
        const copy = host.newFileId();
        await host.diskFiles.copyLayer(instance, layer, copy);
        await host.diskFiles.copyLayer(instance, layer, copy);
        await fill(instance, layer, { 2: 99 });
        await expectCold(host, instance, copy, asMap({ 2: 21, 3: 0 }));
        await fill(instance, bottom, { 4: 44 });
        await expectCold(host, instance, copy, asMap({ 2: 21, 3: 0, 4: 44 }));
      });

      it('copies a sealed layer while a guest runs on top of it, but not the active one', async () => {
        const { instance, boot, written } = await runningInstance(host, 'drive');
        await write(host, instance, written, 8);
        const active = await seal(host, instance, boot);
        const copy = host.newFileId();
        await host.diskFiles.copyLayer(instance, boot, copy);
        await expectCold(host, instance, copy, written);
        await expect(host.diskFiles.copyLayer(instance, active, host.newFileId())).rejects.toBeInstanceOf(
          InstanceRunningError,
        );
      });

      it('stands a layer on another one, on the base image, or on nothing', async () => {
        const { instance, bottom } = await stopped();
        await fill(instance, bottom, { 1: 5 });
        const base = await baseOf(host, instance);
        const layer = host.newFileId();
        await host.diskFiles.createLayer(instance, layer, { kind: 'base', base }, sizeBytes());
        await expectCold(host, instance, layer, asMap({}));
        await host.diskFiles.setBacking(instance, layer, { kind: 'layer', file: bottom });
        await expectCold(host, instance, layer, asMap({ 1: 5 }));
        await host.diskFiles.setBacking(instance, layer, null);
        expect(await host.coldRead(instance, layer, 1)).toBe(0);
        await host.diskFiles.setBacking(instance, layer, { kind: 'base', base });
        await expectCold(host, instance, layer, asMap({}));
      });

      it('merges a layer into its backing file, keeps the source, and may be asked twice', async () => {
        const { instance, bottom } = await stopped();
        await fill(instance, bottom, { 1: 1, 2: 1, 3: 1 });
        const layer = await createOn(host, instance, bottom);
        await fill(instance, layer, { 2: 2, 3: 0, 8: 8, 9: 0 });
        const expected = asMap({ 1: 1, 2: 2, 3: 0, 8: 8, 9: 0 });
        await host.diskFiles.commitOffline(instance, layer, bottom);
        await expectCold(host, instance, bottom, expected);
        await expectCold(host, instance, layer, expected);
        await host.diskFiles.commitOffline(instance, layer, bottom);
        await expectCold(host, instance, bottom, expected);
        await host.diskFiles.checkLayer(instance, bottom);
        await host.diskFiles.checkLayer(instance, layer);
      });

      it('merges only into the backing file', async () => {
        const { instance, bottom } = await stopped();
        const layer = await createOn(host, instance, bottom);
        const other = await createOn(host, instance, bottom);
        await expect(host.diskFiles.commitOffline(instance, layer, other)).rejects.toBeInstanceOf(ChainDivergedError);
      });

      it('replaces a layer of the same id, unless it is open', async () => {
        const { instance, boot } = await runningInstance(host, 'drive');
        const overlay = await createOn(host, instance, boot);
        const again = await host.diskFiles.createLayer(instance, overlay, { kind: 'layer', file: boot }, sizeBytes());
        expect(again.inode).toBe(await inodeOf(host, instance, overlay));
        const path = await host.diskFiles.layerPath(instance, overlay);
        await host.hypervisor.switchToOverlay(instance, path, 5_000);
        await expect(
          host.diskFiles.createLayer(instance, overlay, { kind: 'layer', file: boot }, sizeBytes()),
        ).rejects.toBeInstanceOf(InstanceRunningError);
        await host.diskFiles.pointDiskAt(instance, overlay);
        await expectLive(host, instance, new Map());
      });

      it('removes a layer, and has nothing to do when it is gone', async () => {
        const { instance, bottom } = await stopped();
        const layer = await createOn(host, instance, bottom);
        await host.diskFiles.removeLayer(instance, layer);
        await host.diskFiles.removeLayer(instance, layer);
        expect(await host.diskFiles.fingerprint(instance, layer)).toBeNull();
      });
    });
  });
}
