import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { InstanceId } from '@varve/core';
import { LibvirtCompute } from '../../compute/libvirt/libvirt-compute.js';
import { LibvirtHypervisor } from '../libvirt/libvirt-hypervisor.js';
import { findQemu } from '../libvirt/qemu-process.js';
import type { Engine, Places } from './engine.js';
import { startPrivateLibvirtd } from './private-libvirtd.js';
import type { PrivateLibvirtd } from './private-libvirtd.js';

export interface LibvirtEngine extends Engine {
  readonly hypervisor: LibvirtHypervisor;
  readonly libvirt: PrivateLibvirtd;
}

/** QEMU started by a libvirtd of our own, as domains of the shape that Nova gives them. */
export async function libvirtEngine(places: Places): Promise<LibvirtEngine> {
  const { root, instancesDir, sockets, bios, beforeStart } = places;
  const libvirt = await startPrivateLibvirtd(root);
  const { uri } = libvirt;
  const monitorOf = (instance: InstanceId) => join(sockets, `${instance}.qmp`);
  return {
    libvirt,
    hypervisor: new LibvirtHypervisor({ instancesDir, uri }),
    compute: new LibvirtCompute({ instancesDir, uri, ...(beforeStart ? { beforeStart } : {}) }),
    startStyles: ['libvirt'],
    monitorOf,
    describe: async (instance) => {
      const known = (await libvirt.virsh('list', '--all', '--uuid')).includes(instance);
      if (known) return;
      const file = join(root, `${instance}.xml`);
      await writeFile(
        file,
        domainXml(instance, { disk: join(instancesDir, instance, 'disk'), bios, monitor: monitorOf(instance) }),
      );
      await libvirt.virsh('define', file);
    },
    pidOf: async (instance) => {
      const pid = await findQemu(instance);
      if (pid === null) throw new Error('there is no QEMU');
      return pid;
    },
    pause: async (instance) => {
      await libvirt.virsh('suspend', instance);
    },
    startForeignJob: async (instance, target) => {
      const limit = ['--bandwidth', '65536', '--bytes'];
      await libvirt.virsh(
        'blockcopy',
        instance,
        'vda',
        '--dest',
        target,
        '--format',
        'raw',
        ...limit,
        '--transient-job',
      );
    },
    close: async () => {
      await libvirt.close();
    },
  };
}

/** As Nova 26 writes it, without what needs a guest. The monitor is the test's, beside libvirt's own. */
function domainXml(
  instance: InstanceId,
  { disk, bios, monitor }: { disk: string; bios: string; monitor: string },
): string {
  return `<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>instance-${instance.slice(0, 8)}</name>
  <uuid>${instance}</uuid>
  <metadata>
    <nova:instance xmlns:nova="http://openstack.org/xmlns/libvirt/nova/1.1">
      <nova:package version="26.2.2"/>
      <nova:name>a &lt;test&gt; &amp; more</nova:name>
      <nova:creationTime>2026-11-22 12:14:02</nova:creationTime>
      <nova:flavor name="small"><nova:memory>16</nova:memory><nova:disk>1</nova:disk></nova:flavor>
      <nova:owner>
        <nova:user uuid="126f46f68c5e4f3e9d6f4c6c7d3c0e11">demo</nova:user>
        <nova:project uuid="p1">demo</nova:project>
      </nova:owner>
      <nova:root type="image" uuid="699cc979-0f6c-4b43-8d1b-5a6d2f2d0a11"/>
    </nova:instance>
  </metadata>
  <memory unit='MiB'>16</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type><loader type='rom'>${bios}</loader></os>
  <on_crash>destroy</on_crash>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' cache='none' discard='unmap' detect_zeroes='unmap'/>
      <source file='${disk}'/>
      <target dev='vda' bus='virtio'/>
    </disk>
    <memballoon model='none'/>
    <graphics type='vnc' passwd='a-secret'><listen type='socket' socket='${monitor}.vnc'/></graphics>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
  </devices>
  <qemu:commandline>
    <qemu:arg value='-qmp'/>
    <qemu:arg value='unix:${monitor},server=on,wait=off'/>
  </qemu:commandline>
</domain>
`;
}
