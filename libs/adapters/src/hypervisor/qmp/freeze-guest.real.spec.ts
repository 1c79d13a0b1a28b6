import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { QuiesceFailedError } from '@varve/core';
import type { FileId, InstanceId } from '@varve/core';
import { ProvingGuest } from '../../../../../testbed/guest/guest.ts';
import { QemuImgDiskFiles } from '../../disk-files/qemu-img/qemu-img-disk-files.js';
import { QmpHypervisor } from './qmp-hypervisor.js';

const run = promisify(execFile);

describe("a real guest's file systems", () => {
  let root: string;
  let guest: ProvingGuest;
  let instance: InstanceId;
  let hypervisor: QmpHypervisor;
  let files: QemuImgDiskFiles;
  let writes = 0;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'varve-freeze-'));
    const instancesDir = join(root, 'instances');
    guest = await ProvingGuest.create({ instances: instancesDir });
    instance = guest.id as InstanceId;
    hypervisor = new QmpHypervisor({ instancesDir, agentSyncMs: 5_000 });
    files = new QemuImgDiskFiles({ instancesDir, stateDir: root });
    await guest.boot();
    await shell('/sbin/mke2fs -q -t ext4 /dev/vda1 && mount -t ext4 /dev/vda1 /mnt');
  });
  afterAll(async () => {
    await guest.dispose();
    await rm(root, { recursive: true, force: true });
  });
  beforeEach(() => {
    writes++;
  });

  async function shell(command: string): Promise<string> {
    const { status, output } = await guest.shell(command);
    if (status !== 0) throw new Error(`${command}: ${output}`);
    return output;
  }
  /** Begins a write to the file system that ends when the file system lets it. */
  const beginWrite = () =>
    shell(`(echo ${writes} > /mnt/f${writes}; sync; touch /run/done${writes}) > /dev/null 2>&1 &`);
  const isWritten = async () => (await guest.shell(`test -e /run/done${writes}`)).status === 0;
  async function expectWritten(withinMs: number): Promise<void> {
    const deadline = performance.now() + withinMs;
    while (!(await isWritten())) {
      expect(performance.now(), 'the guest is still frozen').toBeLessThan(deadline);
      await delay(50);
    }
  }
  /** A write that would be through in no time does not get through. */
  async function expectFrozen(): Promise<void> {
    await beginWrite();
    await delay(700);
    expect(await isWritten()).toBe(false);
  }

  it('hold still from freeze to thaw', async () => {
    const freeze = await hypervisor.freeze(instance, 30_000);
    await expectFrozen();
    expect(await freeze.thaw()).toBe(true);
    await expectWritten(5_000);
  });

  it('go on by themselves at the deadline', async () => {
    const freeze = await hypervisor.freeze(instance, 2_000);
    await expectFrozen();
    await expectWritten(10_000);
    expect(await freeze.thaw()).toBe(false);
  });

  it('go on when the process that froze them is killed', async () => {
    const code = `
      import { QmpHypervisor } from ${JSON.stringify(fileURLToPath(new URL('./qmp-hypervisor.ts', import.meta.url)))};
      const hypervisor = new QmpHypervisor({ instancesDir: ${JSON.stringify(join(root, 'instances'))} });
      await hypervisor.freeze('${instance}', 120_000);
      console.log('frozen');
      setInterval(() => {}, 1000);`;
    const hooks = fileURLToPath(new URL('../testing/ts-hooks.mjs', import.meta.url));
    const options = ['--experimental-transform-types', '--no-warnings', '--import', hooks, '--input-type=module'];
    const child = spawn(process.execPath, [...options, '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    await expectFrozen();
    child.kill('SIGKILL');
    await expectWritten(5_000);
  });

  it('are whole in a layer that was sealed meanwhile, without a journal to replay', async () => {
    const boot = randomUUID() as FileId;
    const overlay = randomUUID() as FileId;
    await files.adoptDisk(instance, boot);
    await shell('(while true; do date >> /mnt/log; cp /bin/busybox /mnt/b; sync; done) > /dev/null 2>&1 &');
    const virtualSizeBytes = (await files.findChain(instance))[0]?.virtualSizeBytes ?? 0;
    await files.createLayer(instance, overlay, { kind: 'layer', file: boot }, virtualSizeBytes);
    const path = await files.layerPath(instance, overlay);

    const freeze = await hypervisor.freeze(instance, 30_000);
    const { stallMs } = await hypervisor.switchToOverlay(instance, path, 10_000);
    expect(await freeze.thaw()).toBe(true);
    await files.pointDiskAt(instance, overlay);
    expect(stallMs).toBeLessThan(1_000);
    await beginWrite();
    await expectWritten(10_000);

    const raw = join(root, 'sealed.raw');
    await run('qemu-img', ['convert', '-f', 'qcow2', '-O', 'raw', await files.layerPath(instance, boot), raw]);
    const offset = Number(await shell('cat /sys/block/vda/vda1/start')) * 512;
    const partition = join(root, 'partition.raw');
    await run('dd', [`if=${raw}`, `of=${partition}`, 'bs=1M', 'iflag=skip_bytes', `skip=${offset}`, 'conv=sparse']);
    const { stdout } = await run('dumpe2fs', ['-h', partition]);
    expect(stdout).not.toContain('needs_recovery');
    await run('e2fsck', ['-fn', partition]);
  });

  it('are left alone when there is nothing to thaw', async () => {
    await hypervisor.ensureThawed(instance);
    await beginWrite();
    await expectWritten(5_000);
  });

  it('can not be frozen without the agent, which shows after a few seconds', async () => {
    await shell('kill $(pidof qemu-ga); true');
    const hasty = new QmpHypervisor({ instancesDir: join(root, 'instances'), agentSyncMs: 1_500 });
    const begun = performance.now();
    await expect(hasty.freeze(instance, 30_000)).rejects.toBeInstanceOf(QuiesceFailedError);
    expect(performance.now() - begun).toBeLessThan(5_000);
    await hasty.ensureThawed(instance);
    await beginWrite();
    await expectWritten(5_000);
  });
});
