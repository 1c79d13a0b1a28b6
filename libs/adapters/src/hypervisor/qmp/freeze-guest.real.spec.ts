import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { QuiesceFailedError } from '@varve/core';
import type { FileId, InstanceId } from '@varve/core';
import { ProvingGuest } from '../../../../../testbed/guest/guest.ts';
import { QemuImgDiskFiles } from '../../disk-files/qemu-img/qemu-img-disk-files.js';
import { GuestFileSystem, startApart } from '../testing/guest-file-system.js';
import { QmpHypervisor } from './qmp-hypervisor.js';

const run = promisify(execFile);

describe("a real guest's file systems", () => {
  let root: string;
  let guest: ProvingGuest;
  let guestFiles: GuestFileSystem;
  let instance: InstanceId;
  let hypervisor: QmpHypervisor;
  let files: QemuImgDiskFiles;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'varve-freeze-'));
    const instancesDir = join(root, 'instances');
    guest = await ProvingGuest.create({ instances: instancesDir });
    instance = guest.id as InstanceId;
    hypervisor = new QmpHypervisor({ instancesDir, agentSyncMs: 20_000 });
    files = new QemuImgDiskFiles({ instancesDir, stateDir: root });
    await guest.boot();
    guestFiles = await GuestFileSystem.make(guest);
  });
  afterAll(async () => {
    await guest.dispose();
    await rm(root, { recursive: true, force: true });
  });
  it('hold still from freeze to thaw', async () => {
    const freeze = await hypervisor.freeze(instance, 120_000);
    await guestFiles.expectFrozen();
    expect(await freeze.thaw()).toBe(true);
    await guestFiles.expectThawed();
  });

  it('go on by themselves at the deadline', async () => {
    const deadlineMs = 10_000;
    const begun = performance.now();
    const freeze = await hypervisor.freeze(instance, deadlineMs);
    // Not looked at in between: on a busy machine the deadline may have passed by then, and rightly.
    await guestFiles.expectWritable();
    expect(performance.now() - begun).toBeGreaterThanOrEqual(deadlineMs);
    expect(await freeze.thaw()).toBe(false);
  });

  it('go on when the process that froze them is killed', async () => {
    const code = `
      import { QmpHypervisor } from ${JSON.stringify(fileURLToPath(new URL('./qmp-hypervisor.ts', import.meta.url)))};
      const instancesDir = ${JSON.stringify(join(root, 'instances'))};
      const hypervisor = new QmpHypervisor({ instancesDir, agentSyncMs: 20_000 });
      await hypervisor.freeze('${instance}', 120_000);
      console.log('frozen');
      setInterval(() => {}, 1000);`;
    const apart = await startApart(code);
    await guestFiles.expectFrozen();
    apart.kill();
    await guestFiles.expectThawed();
  });

  it('are whole in a layer that was sealed meanwhile, without a journal to replay', async () => {
    const boot = randomUUID() as FileId;
    const overlay = randomUUID() as FileId;
    await files.adoptDisk(instance, boot);
    await guestFiles.shell('(while true; do date >> /mnt/log; cp /bin/busybox /mnt/b; sync; done) > /dev/null 2>&1 &');
    const virtualSizeBytes = (await files.findChain(instance))[0]?.virtualSizeBytes ?? 0;
    await files.createLayer(instance, overlay, { kind: 'layer', file: boot }, virtualSizeBytes);
    const path = await files.layerPath(instance, overlay);

    const freeze = await hypervisor.freeze(instance, 120_000);
    const { stallMs } = await hypervisor.switchToOverlay(instance, path, 10_000);
    expect(await freeze.thaw()).toBe(true);
    await files.pointDiskAt(instance, overlay);
    expect(stallMs).toBeGreaterThan(0);
    await guestFiles.expectWritable();

    const raw = join(root, 'sealed.raw');
    await run('qemu-img', ['convert', '-f', 'qcow2', '-O', 'raw', await files.layerPath(instance, boot), raw]);
    const offset = Number(await guestFiles.shell('cat /sys/block/vda/vda1/start')) * 512;
    const partition = join(root, 'partition.raw');
    await run('dd', [`if=${raw}`, `of=${partition}`, 'bs=1M', 'iflag=skip_bytes', `skip=${offset}`, 'conv=sparse']);
    const { stdout } = await run('dumpe2fs', ['-h', partition]);
    expect(stdout).not.toContain('needs_recovery');
    await run('e2fsck', ['-fn', partition]);
  });

  it('are left alone when there is nothing to thaw', async () => {
    await hypervisor.ensureThawed(instance);
    await guestFiles.expectWritable();
  });

  it('can not be frozen without the agent, which shows after a few seconds', async () => {
    await guestFiles.shell('kill $(pidof qemu-ga); true');
    const hasty = new QmpHypervisor({ instancesDir: join(root, 'instances'), agentSyncMs: 1_500 });
    // Long before the deadline of the freeze itself, which a busy machine does not come near.
    const begun = performance.now();
    await expect(hasty.freeze(instance, 120_000)).rejects.toBeInstanceOf(QuiesceFailedError);
    expect(performance.now() - begun).toBeLessThan(60_000);
    await hasty.ensureThawed(instance);
    await guestFiles.expectWritable();
  });
});
