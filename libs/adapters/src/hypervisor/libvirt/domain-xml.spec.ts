import { describe, expect, it } from 'vitest';
import { diskElementFor } from './disk-definition.js';
import { parseDomain } from './domain-xml.js';

/** As libvirt 9.0 printed it under Nova 26.2, shortened. */
const running = `<domain type='qemu' id='3'>
  <name>instance-00000002</name>
  <uuid>264f236c-4750-41cc-8bbb-6c4d7818c055</uuid>
  <metadata>
    <nova:instance xmlns:nova="http://openstack.org/xmlns/libvirt/nova/1.1">
      <nova:package version="26.2.2"/>
      <nova:name>a &lt;b&gt; &amp; c</nova:name>
      <nova:owner>
        <nova:user uuid="126f46f6">demo</nova:user>
        <nova:project uuid="ce852614">demo</nova:project>
      </nova:owner>
    </nova:instance>
  </metadata>
  <devices>
    <disk type='file' device='cdrom'>
      <target dev='hda' bus='ide'/>
      <readonly/>
    </disk>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' cache='none'/>
      <source file='/i/layers/2/base' index='4'/>
      <backingStore type='file' index='1'>
        <format type='qcow2'/>
        <source file='/i/disk'/>
        <backingStore type='file' index='2'>
          <format type='raw'/>
          <source file='/i/_base/base'/>
          <backingStore/>
        </backingStore>
      </backingStore>
      <target dev='vda' bus='virtio'/>
      <alias name='virtio-disk0'/>
    </disk>
    <disk type='block' device='disk'>
      <source dev='/dev/sdb' index='3'/>
      <backingStore/>
      <mirror type='file' job='copy'><source file='/x' index='9'/></mirror>
      <target dev='vdb' bus='virtio'/>
    </disk>
    <channel type='unix'>
      <target type='virtio' name='org.qemu.guest_agent.0' state='connected'/>
    </channel>
  </devices>
</domain>`;

describe("a domain's description", () => {
  it('says whose it is, what it has open, and whether its agent listens', () => {
    expect(parseDomain(running)).toEqual({
      name: 'instance-00000002',
      active: true,
      owner: { projectId: 'ce852614', name: 'a <b> & c', by: 'nova' },
      disks: [
        {
          target: 'vda',
          images: [
            { path: '/i/layers/2/base', index: 4, format: 'qcow2' },
            { path: '/i/disk', index: 1, format: 'qcow2' },
            { path: '/i/_base/base', index: 2, format: 'raw' },
          ],
          mirror: null,
        },
        { target: 'vdb', images: [{ path: null, index: 3, format: 'raw' }], mirror: 'copy' },
      ],
      agent: 'connected',
    });
  });

  it('may leave out all but the name', () => {
    const least = `<domain type='qemu'><name>n</name><devices/></domain>`;
    expect(() => parseDomain(least)).not.toThrow();
    const domain = `<domain type='qemu'><name>n</name><metadata/><devices><emulator>q</emulator></devices></domain>`;
    expect(parseDomain(domain)).toEqual({ name: 'n', active: false, owner: null, disks: [], agent: null });
  });

  it('is refused when it is none', () => {
    expect(() => parseDomain('<network/>')).toThrow();
  });
});

describe("the system disk's definition", () => {
  const element = (source: string, chain = '') => `<disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' cache='none'/>
      <source file='${source}'/>${chain}
      <target dev='vda' bus='virtio'/>
      <serial>it&apos;s</serial>
    </disk>`;
  const chain = `
      <backingStore type='file'>
        <format type='qcow2'/>
        <source file='/i/disk'/>
        <backingStore type='file'>
          <format type='raw'/>
          <source file='/i/_base/b'/>
        </backingStore>
      </backingStore>`;
  const domain = (disk: string) => `<domain><devices><disk type='file' device='cdrom'>
      <target dev='hda'/>
    </disk>
    ${disk}
  </devices></domain>`;

  it.each([
    ['names a layer and a chain', element('/i/layers/2/b', chain)],
    ['names a chain', element('/i/disk', chain)],
    ['names a layer', element('/i/layers/2/b')],
    ['ends the chain by hand', element('/i/layers/2/b', '\n      <backingStore/>')],
  ])('that %s is made to name disk alone', (_, disk) => {
    expect(diskElementFor(domain(disk), 'vda', '/i/disk')).toBe(element('/i/disk'));
  });

  it('that names disk alone is left', () => {
    expect(diskElementFor(domain(element('/i/disk')), 'vda', '/i/disk')).toBeNull();
    expect(diskElementFor(domain(element('/i/disk')), 'vdz', '/i/disk')).toBeNull();
  });

  it('takes a path as it comes', () => {
    expect(diskElementFor(domain(element('/a')), 'vda', "/x$1 & <y>'")).toContain(`'/x$1 &amp; &lt;y>&apos;'`);
  });
});
