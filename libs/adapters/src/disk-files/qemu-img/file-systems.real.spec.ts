import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { statfs } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NoSpaceError } from '@varve/core';
import type { FileId, InstanceId } from '@varve/core';
import { createOn } from '@varve/ports/testing';
import { mountLoop } from '../../hypervisor/testing/loop-mount.js';
import type { LoopMount } from '../../hypervisor/testing/loop-mount.js';
import { makeRealHost } from '../../hypervisor/testing/real-host.js';
import type { RealHost } from '../../hypervisor/testing/real-host.js';

const MIB = 2 ** 20;

async function stopped(host: RealHost): Promise<{ instance: InstanceId; bottom: FileId; layer: FileId }> {
  const instance = await host.newInstance('drive');
  const bottom = host.newFileId();
  await host.diskFiles.adoptDisk(instance, bottom);
  return { instance, bottom, layer: await createOn(host, instance, bottom) };
}

async function fill(host: RealHost, instance: InstanceId, file: FileId, bytes: number): Promise<void> {
  const writer = await host.diskFiles.openWriter(instance, file);
  try {
    for (let at = 0; at < bytes; at += MIB) await writer.write(at, randomBytes(MIB));
    await writer.finish();
  } finally {
    await writer.close();
  }
}

describe.each(['ext4', 'xfs'] as const)('on %s', (type) => {
  let mount: LoopMount;
  let host: RealHost;
  beforeAll(async () => {
    mount = await mountLoop(type, 400 * MIB);
    host = await makeRealHost({ parent: mount.path });
  });
  afterAll(async () => {
    await host.close();
    await mount.close();
  });

  it('a 4 KiB write costs about 4 KiB of layer, also of what a layer says that it defines', async () => {
    const { instance, layer } = await stopped(host);
    const empty = await host.diskFiles.allocatedBytes(instance, layer);
    const writer = await host.diskFiles.openWriter(instance, layer);
    const writes = 200;
    for (let index = 0; index < writes; index++) await writer.write(index * 65_536 + 8_192, randomBytes(4_096));
    await writer.finish();
    const defined = (await host.diskFiles.extents(instance, layer)).reduce((sum, [, length]) => sum + length, 0);
    expect(defined).toBe(writes * 4_096);
    expect((await host.diskFiles.allocatedBytes(instance, layer)) - empty).toBeLessThan(1.2 * writes * 4_096);
  });
});

describe('on any file system', () => {
  let host: RealHost;
  beforeAll(async () => {
    host = await makeRealHost();
  });
  afterAll(() => host.close());

  it('a guest writes as cheaply', async () => {
    const { instance, layer } = await stopped(host);
    await host.diskFiles.pointDiskAt(instance, layer);
    await host.start(instance);
    for (let index = 0; index < 50; index++) await host.guestWriteBytes(instance, index * 65_536, 4_096, 7);
    await host.compute.stop(instance, 0);
    const defined = (await host.diskFiles.extents(instance, layer)).reduce((sum, [, length]) => sum + length, 0);
    expect(defined).toBe(50 * 4_096);
  });

  it('what a writer has finished is all there, pieces in any order', async () => {
    const { instance, layer } = await stopped(host);
    const bytes = randomBytes(5 * MIB);
    const writer = await host.diskFiles.openWriter(instance, layer);
    const order = Array.from({ length: 10 }, (_, index) => (index * 7) % 10);
    await Promise.all(
      order.map((piece) => {
        const at = (piece * bytes.length) / 10;
        return writer.write(at, bytes.subarray(at, at + bytes.length / 10));
      }),
    );
    await writer.finish();
    const reader = await host.diskFiles.openReader(instance, layer);
    expect((await reader.read(0, bytes.length)).equals(bytes)).toBe(true);
    await reader.close();
  });

  it('no tool goes on working on a layer when the worker is killed that started it', async () => {
    const { instance, layer } = await stopped(host);
    const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));
    const code = `
      import { QemuImgDiskFiles } from ${JSON.stringify(here('./qemu-img-disk-files.ts'))};
      const instancesDir = ${JSON.stringify(host.instancesDir)};
      const writer = await new QemuImgDiskFiles({ instancesDir, stateDir: instancesDir }).openWriter('${instance}', '${layer}');
      await writer.write(0, Buffer.alloc(4096, 1));
      console.log('open');
      setInterval(() => {}, 1000);`;
    const hooks = here('../../hypervisor/testing/ts-hooks.mjs');
    const options = ['--experimental-transform-types', '--no-warnings', '--import', hooks, '--input-type=module'];
    const worker = spawn(process.execPath, [...options, '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => worker.stdout.once('data', resolve));
    expect(await host.diskFiles.isOpenForWriting(instance, layer)).toBe(true);
    worker.kill('SIGKILL');
    const deadline = performance.now() + 60_000;
    while (await host.diskFiles.isOpenForWriting(instance, layer)) {
      expect(performance.now(), 'qemu-nbd still has the layer').toBeLessThan(deadline);
      await delay(10);
    }
    await fill(host, instance, layer, MIB);
    await host.diskFiles.checkLayer(instance, layer);
  });
});

describe('on a file system that fills up', () => {
  let mount: LoopMount;
  let host: RealHost;
  beforeAll(async () => {
    mount = await mountLoop('ext4', 48 * MIB);
    host = await makeRealHost({ parent: mount.path });
  });
  afterAll(async () => {
    await host.close();
    await mount.close();
  });

  it('a writer says that there is no space, and the layer can be removed', async () => {
    const { instance, layer } = await stopped(host);
    const other = await createOn(host, instance, layer);
    await expect(
      (async () => {
        await fill(host, instance, layer, 14 * MIB);
        await fill(host, instance, other, 14 * MIB);
      })(),
    ).rejects.toBeInstanceOf(NoSpaceError);
    await expect(host.diskFiles.copyLayer(instance, layer, host.newFileId())).rejects.toBeInstanceOf(NoSpaceError);
    await expect(createOn(host, instance, layer)).rejects.toBeInstanceOf(NoSpaceError);
    await host.diskFiles.removeLayer(instance, other);
    await host.diskFiles.removeLayer(instance, layer);
    expect(await host.diskFiles.freeBytes(instance)).toBeGreaterThan(8 * MIB);
  });

  it('a merge is not begun that might not end', async () => {
    const { instance, bottom, layer } = await stopped(host);
    await fill(host, instance, layer, 6 * MIB);
    const ballast = await createOn(host, instance, bottom);
    const free = await host.diskFiles.freeBytes(instance);
    await fill(host, instance, ballast, Math.floor((free - 5 * MIB) / MIB) * MIB);
    await expect(host.diskFiles.commitOffline(instance, layer, bottom)).rejects.toBeInstanceOf(NoSpaceError);
    await host.diskFiles.removeLayer(instance, ballast);
    await host.diskFiles.commitOffline(instance, layer, bottom);
  });
});

describe('on a file system that shares blocks', () => {
  let mount: LoopMount;
  let host: RealHost;
  beforeAll(async () => {
    mount = await mountLoop('xfs', 400 * MIB);
    host = await makeRealHost({ parent: mount.path });
  });
  afterAll(async () => {
    await host.close();
    await mount.close();
  });

  it('a copy takes next to no space, and is a copy', async () => {
    const { instance, layer } = await stopped(host);
    expect(await host.diskFiles.canReflink(instance)).toBe(true);
    await fill(host, instance, layer, 12 * MIB);
    const freeOf = async () => {
      const { bavail, bsize } = await statfs(mount.path);
      return bavail * bsize;
    };
    const before = await freeOf();
    const copy = host.newFileId();
    await host.diskFiles.copyLayer(instance, layer, copy);
    expect(before - (await freeOf())).toBeLessThan(2 * MIB);
    const was = await host.diskFiles.openReader(instance, layer);
    const bytes = await was.read(0, 12 * MIB);
    await was.close();
    await fill(host, instance, layer, 2 * MIB);
    const reader = await host.diskFiles.openReader(instance, copy);
    expect((await reader.read(0, 12 * MIB)).equals(bytes)).toBe(true);
    await reader.close();
  });
});
