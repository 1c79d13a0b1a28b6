import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ChainDivergedError,
  DiskBusyError,
  HypervisorRefusedError,
  InstanceNotReadyError,
  OutcomeUnknownError,
  QuiesceFailedError,
} from '@varve/core';
import type { InstanceId } from '@varve/core';
import { commit, createOn, expectCold, expectLive, runningInstance, seal, write } from '@varve/ports/testing';
import { libvirtEngine } from '../testing/libvirt-engine.js';
import type { PrivateLibvirtd } from '../testing/private-libvirtd.js';
import { makeRealHost } from '../testing/real-host.js';
import type { RealHost } from '../testing/real-host.js';
import { LibvirtHypervisor } from './libvirt-hypervisor.js';

describe('a domain in trouble', () => {
  let host: RealHost;
  let libvirt: PrivateLibvirtd;
  let hypervisor: LibvirtHypervisor;
  const unreadable: unknown[] = [];
  beforeAll(async () => {
    host = await makeRealHost({
      engine: async (places) => {
        const engine = await libvirtEngine(places);
        ({ libvirt } = engine);
        return engine;
      },
    });
    hypervisor = new LibvirtHypervisor({
      instancesDir: host.instancesDir,
      uri: libvirt.uri,
      onUnreadable: (_, error) => unreadable.push(error),
    });
  });
  afterAll(() => host.close());

  const boot = () => runningInstance(host, 'libvirt');
  const definitionOf = (instance: InstanceId) => libvirt.virsh('dumpxml', instance, '--inactive', '--security-info');
  const diskOf = (xml: string) => /<disk [\s\S]*?<\/disk>/.exec(xml)?.[0] ?? '';

  it('is defined as before after a switch: by the name disk, without a chain, with its secrets', async () => {
    const { instance, boot: bottom } = await boot();
    const before = await definitionOf(instance);
    await seal(host, instance, bottom);
    expect(diskOf(await definitionOf(instance)), 'libvirt names the layers').toContain('<backingStore');
    await hypervisor.closeLeftovers(instance);
    expect(await definitionOf(instance)).toBe(before);
    expect(before).toContain('a-secret');
  });

  it('is not defined by the name disk before that leads to its active layer', async () => {
    const { instance, boot: bottom } = await boot();
    const path = await host.diskFiles.layerPath(instance, await createOn(host, instance, bottom));
    await hypervisor.switchToOverlay(instance, path, 10_000);
    await hypervisor.closeLeftovers(instance);
    expect(diskOf(await definitionOf(instance))).toContain(`<source file='${path}'`);
  });

  it('starts on what disk leads to, though a worker died before it mended the definition', async () => {
    const { instance, boot: bottom, written } = await boot();
    await write(host, instance, written, 2);
    const second = await seal(host, instance, bottom);
    await write(host, instance, written, 3, [1, 7]);
    await seal(host, instance, second);
    await write(host, instance, written, 4, [2]);
    await host.powerCut(instance);
    await host.start(instance);
    await expectLive(host, instance, written);
  });

  it('is not believed when something has moved disk before the switch', async () => {
    const { instance, boot: bottom, written } = await boot();
    await write(host, instance, written, 5);
    const overlay = await createOn(host, instance, bottom);
    await host.diskFiles.pointDiskAt(instance, overlay);
    const path = await host.diskFiles.layerPath(instance, overlay);
    await expect(hypervisor.switchToOverlay(instance, path, 10_000)).rejects.toBeInstanceOf(HypervisorRefusedError);
    const other = await host.diskFiles.layerPath(instance, await createOn(host, instance, overlay));
    await expect(hypervisor.switchToOverlay(instance, other, 10_000)).rejects.toBeInstanceOf(ChainDivergedError);
    await host.diskFiles.pointDiskAt(instance, bottom);
    await expectLive(host, instance, written);
  });

  it('goes on without libvirt, which is then found again', async () => {
    const { instance, boot: bottom, written } = await boot();
    await write(host, instance, written, 6);
    const second = await seal(host, instance, bottom);
    const stopped = await host.newInstance('libvirt');
    await libvirt.away(async () => {
      expect(await hypervisor.powerState(instance)).toBe('running');
      await expect(hypervisor.powerState(stopped)).rejects.toBeInstanceOf(OutcomeUnknownError);
      await expect(hypervisor.openLayers(instance)).rejects.toBeInstanceOf(OutcomeUnknownError);
      await expect(hypervisor.find(instance)).rejects.toBeInstanceOf(OutcomeUnknownError);
      await expect(seal(host, instance, second)).rejects.toBeInstanceOf(OutcomeUnknownError);
    });
    await write(host, instance, written, 7, [3]);
    const third = await seal(host, instance, second);
    await write(host, instance, written, 8, [4]);
    await seal(host, instance, third);
    await commit(host, instance, third, second);
    await host.diskFiles.removeLayer(instance, third);
    await expectLive(host, instance, written);
    await expectCold(host, instance, 'disk', written);
  });

  it('that is undefined while it runs, as by Nova for an image, is busy', async () => {
    const { instance, boot: bottom, written } = await boot();
    const xml = join(host.instancesDir, `${instance}.xml`);
    await writeFile(xml, await definitionOf(instance));
    await libvirt.virsh('undefine', instance);
    expect(await hypervisor.find(instance)).toMatchObject({ id: instance, state: 'running' });
    expect(await hypervisor.foreignJob(instance)).toContain('Nova');
    await expect(seal(host, instance, bottom)).rejects.toBeInstanceOf(DiskBusyError);
    await libvirt.virsh('define', xml);
    expect(await hypervisor.foreignJob(instance)).toBeNull();
    await write(host, instance, written, 9);
    await seal(host, instance, bottom);
    await expectLive(host, instance, written);
  });

  it('that libvirt does not know for a moment is not taken for gone while its disk is there', async () => {
    const instance = await host.newInstance('libvirt');
    await libvirt.virsh('undefine', instance);
    await expect(hypervisor.find(instance)).rejects.toBeInstanceOf(DiskBusyError);
    expect(await hypervisor.powerState(instance)).toBe('stopped');
    await host.start(instance);
    expect(await hypervisor.find(instance)).toMatchObject({ id: instance, projectId: 'p1', name: 'a <test> & more' });
  });

  it('that is undefined and defined again and again is found, or busy', async () => {
    const instance = await host.newInstance('libvirt');
    const xml = join(host.instancesDir, `${instance}.xml`);
    await writeFile(xml, await definitionOf(instance));
    const looking = new AbortController();
    const redefine = async () => {
      while (!looking.signal.aborted) {
        await libvirt.virsh('undefine', instance);
        await libvirt.virsh('define', xml);
        await delay(200);
      }
    };
    const look = async () => {
      for (let turn = 0; turn < 10; turn++) {
        const [found] = await Promise.allSettled([hypervisor.find(instance)]);
        if (found.status === 'fulfilled') expect(found.value).toMatchObject({ id: instance, state: 'stopped' });
        else expect(found.reason).toBeInstanceOf(DiskBusyError);
        expect(await hypervisor.powerState(instance)).toBe('stopped');
      }
    };
    await Promise.all([redefine(), Promise.all([look(), look()]).finally(() => looking.abort())]);
  });

  it('that does not say whose it is hides no other, and can be told by Varve', async () => {
    const { instance } = await boot();
    const nova = 'http://openstack.org/xmlns/libvirt/nova/1.1';
    await libvirt.virsh('metadata', instance, nova, '--remove', '--live', '--config');
    const other = await boot();
    expect((await hypervisor.list()).map(({ id }) => id)).toContain(other.instance);
    expect(unreadable).toContainEqual(expect.objectContaining({ facts: { instanceId: instance } }));
    const ours = [
      'urn:varve:instance:1',
      '--key',
      'varve',
      '--set',
      "<instance project='p7'><name>web</name></instance>",
    ];
    await libvirt.virsh('metadata', instance, ...ours, '--live', '--config');
    expect(await hypervisor.find(instance)).toMatchObject({ projectId: 'p7', name: 'web', state: 'running' });
  });

  /** Bytes per second: 2 MiB take minutes, unless the test ends the merge or makes it faster. */
  const SLOW = 4_096;

  /** `[base] <- [boot] <- [h] <- [s] <- [active]` with 2 MiB in s. */
  async function stacked() {
    const { instance, boot: bottom, written } = await boot();
    const many = Array.from({ length: 32 }, (_, index) => index * 2);
    const h = await seal(host, instance, bottom);
    await write(host, instance, written, 1, many);
    const s = await seal(host, instance, h);
    await write(host, instance, written, 2, many);
    await seal(host, instance, s);
    await write(host, instance, written, 3, [0, 6]);
    const [from, into] = [await host.diskFiles.layerPath(instance, s), await host.diskFiles.layerPath(instance, h)];
    return { instance, h, s, from, into, written };
  }

  it('whose merge somebody cancelled has the chain as before', async () => {
    const { instance, h, s, from, into, written } = await stacked();
    const before = await hypervisor.openLayers(instance);
    const cancelled: Promise<unknown>[] = [];
    const merge = hypervisor.commit(instance, from, into, {
      bytesPerSecond: SLOW,
      onProgress: () => {
        if (cancelled.length === 0) cancelled.push(libvirt.virsh('blockjob', instance, 'vda', '--abort'));
      },
    });
    await expect(merge).rejects.toBeInstanceOf(HypervisorRefusedError);
    await Promise.all(cancelled);
    expect(await hypervisor.openLayers(instance)).toEqual(before);
    await commit(host, instance, s, h);
    await expectLive(host, instance, written);
  });

  it('goes on merging for the next life of the worker and of libvirt, which find the job', async () => {
    const { instance, s, from, into, written } = await stacked();
    const [, source, target] = (await hypervisor.openLayers(instance)) ?? [];
    expect([source?.name, target?.name]).toEqual([from, into]);
    const indexOf = (xml: string, path: string) =>
      new RegExp(`<backingStore[^>]* index='(\\d+)'>\\s*<format[^>]*/>\\s*<source file='${path}'`).exec(xml)?.[1] ?? '';
    const xml = await libvirt.virsh('dumpxml', instance);
    const pair = ['--top', `vda[${indexOf(xml, from)}]`, '--base', `vda[${indexOf(xml, into)}]`];
    // So slow that it outlasts libvirt's absence on any machine: the first progress that is heard of makes it fast.
    await libvirt.virsh('blockcommit', instance, 'vda', ...pair, '--bandwidth', String(SLOW), '--bytes');
    expect(await hypervisor.foreignJob(instance), 'it is ours').toBeNull();
    await libvirt.away(() => Promise.resolve());
    let progress = 0;
    const faster: Promise<unknown>[] = [];
    await hypervisor.commit(instance, from, into, {
      bytesPerSecond: 1,
      onProgress: (done) => {
        progress = done;
        if (done > 0 && faster.length === 0) {
          faster.push(libvirt.virsh('blockjob', instance, 'vda', '--bandwidth', '0'));
        }
      },
    });
    expect(progress).toBeGreaterThan(0);
    await Promise.all(faster);
    expect((await hypervisor.openLayers(instance)) ?? []).toHaveLength(4);
    await host.diskFiles.removeLayer(instance, s);
    await expectLive(host, instance, written);
    await expectCold(host, instance, 'disk', written);
  });

  it('whose memory is saved is not to be rolled back; a copy of its disk may be taken', async () => {
    const { instance } = await boot();
    await libvirt.virsh('managedsave', instance);
    expect(await hypervisor.powerState(instance)).toBe('stopped');
    const rollback = host.compute.assertFree?.(instance, 'rollback') ?? Promise.resolve();
    await expect(rollback).rejects.toBeInstanceOf(InstanceNotReadyError);
    await host.compute.assertFree?.(instance, 'snapshot');
    await libvirt.virsh('managedsave-remove', instance);
    await host.compute.assertFree?.(instance, 'rollback');
  });

  it('without an agent can not be frozen, and needs no thaw', async () => {
    const { instance } = await boot();
    await expect(hypervisor.freeze(instance, 1_000)).rejects.toBeInstanceOf(QuiesceFailedError);
    await hypervisor.ensureThawed(instance);
  });

  it('of another host is not here, and the versions are known', async () => {
    expect(await hypervisor.find(randomUUID() as InstanceId)).toBeNull();
    const version = expect.stringMatching(/^\d+\.\d+/) as string;
    expect(await hypervisor.versions()).toEqual({ qemu: version, libvirt: version });
  });
});
