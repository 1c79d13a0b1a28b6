import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { QuiesceFailedError } from '@varve/core';
import type { FileId, InstanceId } from '@varve/core';
import { ProvingGuest } from '../../../../../testbed/guest/guest.ts';
import { QemuImgDiskFiles } from '../../disk-files/qemu-img/qemu-img-disk-files.js';
import { GuestFileSystem, startApart } from '../testing/guest-file-system.js';
import { startPrivateLibvirtd } from '../testing/private-libvirtd.js';
import type { PrivateLibvirtd } from '../testing/private-libvirtd.js';
import { flushDomain } from './flush-domain.js';
import { LibvirtHypervisor } from './libvirt-hypervisor.js';

describe("the file systems of a real guest of libvirt's", () => {
  let root: string;
  let libvirt: PrivateLibvirtd;
  let guest: ProvingGuest;
  let guestFiles: GuestFileSystem;
  let instance: InstanceId;
  let hypervisor: LibvirtHypervisor;
  let files: QemuImgDiskFiles;

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
    guestFiles = await GuestFileSystem.make(guest);
  });
  afterAll(async () => {
    await libvirt.virsh('destroy', instance);
    await libvirt.close();
    await rm(root, { recursive: true, force: true });
  });
  it('hold still from freeze to thaw, while the active layer is sealed', async () => {
    const boot = randomUUID() as FileId;
    const overlay = randomUUID() as FileId;
    await files.adoptDisk(instance, boot);
    const virtualSizeBytes = (await files.findChain(instance))[0]?.virtualSizeBytes ?? 0;
    await files.createLayer(instance, overlay, { kind: 'layer', file: boot }, virtualSizeBytes);
    const freeze = await hypervisor.freeze(instance, 120_000);
    await hypervisor.switchToOverlay(instance, await files.layerPath(instance, overlay), 30_000);
    await files.pointDiskAt(instance, overlay);
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
      import { LibvirtHypervisor } from ${JSON.stringify(fileURLToPath(new URL('./libvirt-hypervisor.ts', import.meta.url)))};
      const instancesDir = ${JSON.stringify(join(root, 'instances'))};
      await new LibvirtHypervisor({ instancesDir, uri: ${JSON.stringify(libvirt.uri)} }).freeze('${instance}', 120_000);
      console.log('frozen');
      setInterval(() => {}, 1000);`;
    const apart = await startApart(code);
    await guestFiles.expectFrozen();
    apart.kill();
    await guestFiles.expectThawed();
  });

  it('stay as they are when somebody else has frozen them, and whoever comes after a crash thaws them', async () => {
    await libvirt.virsh('domfsfreeze', instance);
    // With time for the agent's no: a freeze without an answer would have to be ended, whoever's it is.
    await expect(hypervisor.freeze(instance, 60_000)).rejects.toBeInstanceOf(QuiesceFailedError);
    await guestFiles.expectFrozen();
    await hypervisor.ensureThawed(instance);
    await guestFiles.expectThawed();
    await hypervisor.ensureThawed(instance);
  });

  it('go on after a flush, for which the processors stop for an instant', async () => {
    await flushDomain(libvirt.uri, instance);
    expect(await hypervisor.powerState(instance)).toBe('running');
    await guestFiles.expectWritable();
  });

  it('can not be frozen without the agent', async () => {
    await guestFiles.shell('kill $(pidof qemu-ga); true');
    const deadline = performance.now() + 60_000;
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
    await guestFiles.expectWritable();
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
