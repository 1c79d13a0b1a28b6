import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { InstanceId } from '@varve/core';
import type { StartStyle } from '@varve/ports/testing';
import { pidFileOf } from '../../compute/standalone/qemu-process.js';
import { StandaloneCompute } from '../../compute/standalone/standalone-compute.js';
import { readQcow2Header } from '../../disk-files/qemu-img/qcow2-header.js';
import { QmpConnection } from '../qmp/qmp-connection.js';
import { QmpHypervisor } from '../qmp/qmp-hypervisor.js';
import type { Engine, Places } from './engine.js';

/** QEMU started by ourselves, with the command in `instance.json`. */
export async function plainEngine(places: Places): Promise<Engine> {
  const { instancesDir, bios, beforeStart, edit } = places;
  const directoryOf = (instance: InstanceId) => join(instancesDir, instance);
  const monitorOf = (instance: InstanceId) => join(directoryOf(instance), 'qmp.sock');
  const qmp = async <T>(instance: InstanceId, command: string, args: Record<string, unknown> = {}): Promise<T> => {
    const monitor = await QmpConnection.open(monitorOf(instance), 5_000);
    try {
      return await monitor.execute<T>(command, args);
    } finally {
      monitor.close();
    }
  };
  return {
    hypervisor: new QmpHypervisor({ instancesDir, agentSyncMs: 500 }),
    compute: new StandaloneCompute({ instancesDir, ...(beforeStart ? { beforeStart } : {}) }),
    startStyles: ['drive', 'blockdev', 'chain'],
    monitorOf,
    describe: async (instance, style) => {
      const start = edit(instance, await startCommand(directoryOf(instance), bios, style));
      const file = { version: 1, project: 'p1', name: 'a test', start, qmp: 'qmp.sock' };
      await writeFile(join(directoryOf(instance), 'instance.json'), JSON.stringify(file));
    },
    pidOf: async (instance) =>
      (JSON.parse(await readFile(pidFileOf(directoryOf(instance)), 'utf8')) as { pid: number }).pid,
    pause: async (instance) => {
      await qmp(instance, 'stop');
    },
    startForeignJob: async (instance, target) => {
      const devices = await qmp<{ inserted: { 'node-name': string } }[]>(instance, 'query-block');
      await qmp(instance, 'drive-mirror', {
        'job-id': 'somebody-elses',
        device: devices[0]?.inserted['node-name'],
        target,
        sync: 'full',
        format: 'raw',
        speed: 65_536,
      });
    },
    close: () => Promise.resolve(),
  };
}

async function startCommand(directory: string, bios: string, style: StartStyle): Promise<string[]> {
  const machine = ['qemu-system-x86_64', '-nodefaults', '-machine', 'pc', '-accel', 'tcg', '-m', '16', '-bios', bios];
  const rest = ['-display', 'none', '-qmp', 'unix:qmp.sock,server=on,wait=off'];
  return [...machine, ...rest, ...(await diskArguments(directory, style))];
}

async function diskArguments(directory: string, style: StartStyle): Promise<string[]> {
  const disk = join(directory, 'disk');
  const cache = { direct: true, 'no-flush': false };
  switch (style) {
    case 'drive':
      return ['-drive', `file=${disk},format=qcow2,if=virtio,cache=none,discard=unmap,detect-zeroes=unmap`];
    case 'blockdev':
      return [
        '-blockdev',
        JSON.stringify({ driver: 'file', 'node-name': 'boot-f', filename: disk, 'auto-read-only': true, cache }),
        '-blockdev',
        JSON.stringify({ driver: 'qcow2', 'node-name': 'boot', file: 'boot-f', discard: 'unmap', cache }),
        '-device',
        'virtio-blk-pci,drive=boot,id=vda',
      ];
    case 'chain':
      return chainArguments(disk, cache);
    case 'libvirt':
      throw new Error('libvirt starts its QEMU itself');
  }
}

/** As libvirt does it: a file node and a format node for every layer, lowest first. */
async function chainArguments(disk: string, cache: object): Promise<string[]> {
  const images: { path: string; driver: string }[] = [];
  for (let next: { path: string; driver: string } | null = { path: disk, driver: 'qcow2' }; next !== null;) {
    images.push(next);
    const backing: { path: string; format: string | null } | null =
      next.driver === 'qcow2' ? (await readQcow2Header(next.path)).backing : null;
    next = backing && { path: backing.path, driver: backing.format ?? 'raw' };
  }
  const args: string[] = [];
  for (const [depth, { path, driver }] of [...images.entries()].toReversed()) {
    const node = `libvirt-${depth}-format`;
    const storage = `libvirt-${depth}-storage`;
    const lower = depth + 1 < images.length ? `libvirt-${depth + 1}-format` : null;
    const below = driver === 'qcow2' ? { backing: lower } : {};
    const file = {
      driver: 'file',
      'node-name': storage,
      filename: path,
      'auto-read-only': true,
      discard: 'unmap',
      cache,
    };
    const format = {
      driver,
      'node-name': node,
      'read-only': depth > 0,
      discard: 'unmap',
      cache,
      file: storage,
      ...below,
    };
    args.push('-blockdev', JSON.stringify(file), '-blockdev', JSON.stringify(format));
  }
  return [...args, '-device', 'virtio-blk-pci,drive=libvirt-0-format,id=vda'];
}
