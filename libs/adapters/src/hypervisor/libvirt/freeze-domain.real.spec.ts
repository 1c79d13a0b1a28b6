import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { QuiesceFailedError } from '@varve/core';
import type { FileId, InstanceId } from '@varve/core';
import { ProvingGuest } from '../../../../../testbed/guest/guest.ts';
import { QemuImgDiskFiles } from '../../disk-files/qemu-img/qemu-img-disk-files.js';
import { startPrivateLibvirtd } from '../testing/private-libvirtd.js';
import type { PrivateLibvirtd } from '../testing/private-libvirtd.js';
import { flushDomain } from './flush-domain.js';
import { LibvirtHypervisor } from './libvirt-hypervisor.js';

describe("the file systems of a real guest of libvirt's", () => {
  let root: string;
  let libvirt: PrivateLibvirtd;
  let guest: ProvingGuest;
  let instance: InstanceId;
  let hypervisor: LibvirtHypervisor;
  let files: QemuImgDiskFiles;
  let writes = 0;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'varve-freeze-'));
    const instancesDir = join(root, 'instances');
    guest = await ProvingGuest.create({ instances: instancesDir });
    instance = guest.id as InstanceId;
    libvirt = await startPrivateLibvirtd(root, 'root');
    hypervisor = new LibvirtHypervisor({ instancesDir, uri: libvirt.uri });
    files = new QemuImgDiskFiles({ instancesDir, stateDir: root });
    await writeFile(join(root, 'domain.xml'), domainOf(guest));
    await libvirt.virsh('define', join(root, 'domain.xml'));
    await libvirt.virsh('start', instance);
    await guest.waitReady();
    await shell('/sbin/mke2fs -q -t ext4 /dev/vda1 && mount -t ext4 /dev/vda1 /mnt');
  });
  afterAll(async () => {
    await libvirt.virsh('destroy', instance);
    await libvirt.close();
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

  it('hold still from freeze to thaw, while the active layer is sealed', async () => {
    const boot = randomUUID() as FileId;
    const overlay = randomUUID() as FileId;
    await files.adoptDisk(instance, boot);
    const virtualSizeBytes = (await files.findChain(instance))[0]?.virtualSizeBytes ?? 0;
    await files.createLayer(instance, overlay, { kind: 'layer', file: boot }, virtualSizeBytes);
    const freeze = await hypervisor.freeze(instance, 60_000);
    await hypervisor.switchToOverlay(instance, await files.layerPath(instance, overlay), 30_000);
    await files.pointDiskAt(instance, overlay);
    await expectFrozen();
    expect(await freeze.thaw()).toBe(true);
    await expectWritten(15_000);
  });

  it('go on by themselves at the deadline', async () => {
    const freeze = await hypervisor.freeze(instance, 3_000);
    await expectFrozen();
    await expectWritten(20_000);
    expect(await freeze.thaw()).toBe(false);
  });

  it('go on when the process that froze them is killed', async () => {
    const code = `
      import { LibvirtHypervisor } from ${JSON.stringify(fileURLToPath(new URL('./libvirt-hypervisor.ts', import.meta.url)))};
      const instancesDir = ${JSON.stringify(join(root, 'instances'))};
      await new LibvirtHypervisor({ instancesDir, uri: ${JSON.stringify(libvirt.uri)} }).freeze('${instance}', 120_000);
      console.log('frozen');
      setInterval(() => {}, 1000);`;
    const hooks = fileURLToPath(new URL('../testing/ts-hooks.mjs', import.meta.url));
    const options = ['--experimental-transform-types', '--no-warnings', '--import', hooks, '--input-type=module'];
    const child = spawn(process.execPath, [...options, '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    await expectFrozen();
    child.kill('SIGKILL');
    await expectWritten(15_000);
  });

  it('stay as they are when somebody else has frozen them, and whoever comes after a crash thaws them', async () => {
    await libvirt.virsh('domfsfreeze', instance);
    await expect(hypervisor.freeze(instance, 5_000)).rejects.toBeInstanceOf(QuiesceFailedError);
    await expectFrozen();
    await hypervisor.ensureThawed(instance);
    await expectWritten(15_000);
    await hypervisor.ensureThawed(instance);
  });

  it('go on after a flush, for which the processors stop for an instant', async () => {
    await flushDomain(libvirt.uri, instance);
    expect(await hypervisor.powerState(instance)).toBe('running');
    await beginWrite();
    await expectWritten(15_000);
  });

  it('can not be frozen without the agent', async () => {
    await shell('kill $(pidof qemu-ga); true');
    const deadline = performance.now() + 20_000;
    for (;;) {
      const error: unknown = await hypervisor.freeze(instance, 5_000).then(
        (freeze) => freeze.thaw().then(() => null),
        (reason: unknown) => reason,
      );
      if (error !== null) {
        expect(error).toBeInstanceOf(QuiesceFailedError);
        break;
      }
      expect(performance.now()).toBeLessThan(deadline);
    }
    await hypervisor.ensureThawed(instance);
    await beginWrite();
    await expectWritten(15_000);
  });
});

/** The guest as a domain: what its own command line says, and the agent's channel in libvirt's hands. */
function domainOf({ files }: ProvingGuest): string {
  const argument = (name: string): string => files.start[files.start.indexOf(name) + 1] ?? '';
  const text = (value: string) => value.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<domain type='qemu'>
  <name>${files.id}</name>
  <uuid>${files.id}</uuid>
  <metadata><varve:instance xmlns:varve='urn:varve:instance:1' project='p1'/></metadata>
  <memory unit='MiB'>192</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>${text(argument('-kernel'))}</kernel>
    <initrd>${text(argument('-initrd'))}</initrd>
    <cmdline>${text(argument('-append'))}</cmdline>
  </os>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' cache='none' discard='unmap'/>
      <source file='${files.disk}'/>
      <target dev='vda' bus='virtio'/>
    </disk>
    <serial type='file'><source path='${files.console}' append='on'/></serial>
    <channel type='unix'>
      <source mode='bind' path='${files.control}'/>
      <target type='virtio' name='org.varve.control'/>
    </channel>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
  </devices>
</domain>
`;
}
