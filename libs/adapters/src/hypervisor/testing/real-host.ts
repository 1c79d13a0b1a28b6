import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { FileId, InstanceId } from '@varve/core';
import type { HostHarness, StartStyle } from '@varve/ports/testing';
import { StandaloneCompute } from '../../compute/standalone/standalone-compute.js';
import { pidFileOf } from '../../compute/standalone/qemu-process.js';
import { isLockedForWriting } from '../../disk-files/qemu-img/image-locks.js';
import { QemuImgDiskFiles } from '../../disk-files/qemu-img/qemu-img-disk-files.js';
import { readQcow2Header } from '../../disk-files/qemu-img/qcow2-header.js';
import { NbdClient } from '../../disk-files/qemu-img/nbd-client.js';
import { QmpConnection } from '../qmp/qmp-connection.js';
import { QmpHypervisor } from '../qmp/qmp-hypervisor.js';
import { readSystemDisk } from '../qmp/system-disk.js';

const BLOCK_BYTES = 65_536;
const BLOCKS = 256;
const run = promisify(execFile);

export interface RealHostOptions {
  /** Where the instances go; a new folder for temporary files if not given. */
  readonly parent?: string;
  readonly beforeStart?: (instance: InstanceId) => Promise<void>;
}

/** A host with real QEMU processes on real files, and no guests in them: what a guest would do, QEMU is told to do. */
export interface RealHost extends HostHarness {
  readonly instancesDir: string;
  readonly basePath: string;
  /** Runs a monitor command of QEMU. */
  qmp<T>(instance: InstanceId, command: string, args?: Record<string, unknown>): Promise<T>;
  /** Lets the instance's guest write so many bytes anywhere. */
  guestWriteBytes(instance: InstanceId, offset: number, length: number, value: number): Promise<void>;
  /** Process id of its QEMU. */
  pidOf(instance: InstanceId): Promise<number>;
  /** Changes the command that starts it. */
  editStart(instance: InstanceId, edit: (start: string[]) => string[]): Promise<void>;
}

export async function makeRealHost(options: RealHostOptions = {}): Promise<RealHost> {
  const root = await mkdtemp(join(options.parent ?? tmpdir(), 'varve-host-'));
  const instancesDir = join(root, 'instances');
  const basePath = join(root, '_base', randomUUID().replaceAll('-', ''));
  const bios = join(root, 'halt.bin');
  await mkdir(instancesDir);
  await mkdir(dirname(basePath));
  await mkdir(join(root, 'state'));
  await writeFile(bios, haltingFirmware());
  await writeBase(basePath);

  const hypervisor = new QmpHypervisor({ instancesDir, agentSyncMs: 500 });
  const diskFiles = new QemuImgDiskFiles({ instancesDir, stateDir: join(root, 'state') });
  const compute = new StandaloneCompute({
    instancesDir,
    ...(options.beforeStart ? { beforeStart: options.beforeStart } : {}),
  });
  const styles = new Map<InstanceId, StartStyle>();
  const edits = new Map<InstanceId, (start: string[]) => string[]>();
  const directoryOf = (instance: InstanceId) => join(instancesDir, instance);

  const qmp = async <T>(instance: InstanceId, command: string, args: Record<string, unknown> = {}): Promise<T> => {
    const monitor = await QmpConnection.open(join(directoryOf(instance), 'qmp.sock'), 5_000);
    try {
      return await monitor.execute<T>(command, args);
    } finally {
      monitor.close();
    }
  };
  /** QEMU's own qemu-io on the guest's device. What it says, also of errors, goes to QEMU's log: reads show them. */
  const guestIo = async (instance: InstanceId, command: string): Promise<void> => {
    const monitor = await QmpConnection.open(join(directoryOf(instance), 'qmp.sock'), 5_000);
    try {
      const { device } = await readSystemDisk(monitor, directoryOf(instance));
      await monitor.execute('human-monitor-command', { 'command-line': `qemu-io -d ${device} "${command}"` });
    } finally {
      monitor.close();
    }
  };
  /** Reads from the node that the guest's device reads from, by way of an export for that time. */
  const guestReadBlocks = async (instance: InstanceId, blocks: readonly number[]): Promise<Buffer[]> => {
    const socket = join(directoryOf(instance), 'nbd.sock');
    const monitor = await QmpConnection.open(join(directoryOf(instance), 'qmp.sock'), 5_000);
    try {
      const { images } = await readSystemDisk(monitor, directoryOf(instance));
      const node = images[0].format['node-name'];
      await rm(socket, { force: true });
      await monitor.execute('nbd-server-start', { addr: { type: 'unix', data: { path: socket } } });
      await monitor.execute('block-export-add', { type: 'nbd', id: 'look', 'node-name': node, name: '' });
      const client = await NbdClient.connect(socket);
      const bytes = await Promise.all(blocks.map((block) => client.read(block * BLOCK_BYTES, BLOCK_BYTES)));
      client.disconnect();
      await monitor.execute('nbd-server-stop');
      while ((await monitor.execute<unknown[]>('query-block-exports')).length > 0) await delay(1);
      return bytes;
    } finally {
      monitor.close();
    }
  };
  const coldReadBlocks = async (path: string, blocks: readonly number[]): Promise<Buffer[]> => {
    const commands = blocks.flatMap((block) => ['-c', `read -v ${block * BLOCK_BYTES} ${BLOCK_BYTES}`]);
    // -U: whoever has it open. The readers of these tests wait until the writers have flushed.
    const { stdout } = await run('qemu-io', ['-r', '-U', '-f', 'qcow2', ...commands, path], { maxBuffer: 2 ** 28 });
    const bytes = bytesOfDump(stdout);
    return blocks.map((_, index) => bytes.subarray(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES));
  };
  const liveReads = new Batches(guestReadBlocks);
  const coldReads = new Batches(coldReadBlocks);
  const guestWriteBytes = async (instance: InstanceId, offset: number, length: number, value: number) => {
    await guestIo(instance, `write -P ${value} ${offset} ${length}`);
    await guestIo(instance, 'flush');
  };
  const describe = async (instance: InstanceId): Promise<void> => {
    const style = styles.get(instance) ?? 'drive';
    const start = await startCommand(directoryOf(instance), bios, style);
    const file = {
      version: 1,
      project: 'p1',
      name: 'a test',
      start: (edits.get(instance) ?? same)(start),
      qmp: 'qmp.sock',
    };
    await writeFile(join(directoryOf(instance), 'instance.json'), JSON.stringify(file));
  };
  const pidOf = async (instance: InstanceId): Promise<number> =>
    (JSON.parse(await readFile(pidFileOf(directoryOf(instance)), 'utf8')) as { pid: number }).pid;
  const powerCut = async (instance: InstanceId): Promise<void> => {
    process.kill(await pidOf(instance), 'SIGKILL');
    while ((await hypervisor.powerState(instance)) !== 'stopped' || (await anyLocked(diskFiles, instance)))
      await delay(5);
  };

  return {
    hypervisor,
    diskFiles,
    compute,
    startStyles: ['drive', 'blockdev', 'chain'],
    blockBytes: BLOCK_BYTES,
    blockCount: BLOCKS,
    instancesDir,
    basePath,
    qmp,
    guestWriteBytes,
    pidOf,
    newInstance: async (style) => {
      const instance = randomUUID() as InstanceId;
      styles.set(instance, style);
      await mkdir(directoryOf(instance));
      const line = ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', basePath, join(directoryOf(instance), 'disk')];
      await run('qemu-img', line);
      await describe(instance);
      return instance;
    },
    baseValue: (block) => 200 + (block % 50),
    newFileId: () => randomUUID() as FileId,
    start: async (instance) => {
      await describe(instance);
      await compute.start(instance);
    },
    editStart: async (instance, edit) => {
      edits.set(instance, edit);
      await describe(instance);
    },
    powerCut,
    powerCutDuringCommit: async (instance, from, into) => {
      let halfWay = () => {};
      const cut = new Promise<void>((resolve) => (halfWay = resolve));
      const committing = hypervisor.commit(
        instance,
        await diskFiles.layerPath(instance, from),
        await diskFiles.layerPath(instance, into),
        {
          bytesPerSecond: 2 ** 20,
          onProgress: (done, total) => {
            if (done > 0 && done < total) halfWay();
          },
        },
      );
      const rejected = committing.then(
        () => new Error('the commit was over before the power was cut'),
        (error: unknown) => error,
      );
      await Promise.race([cut, rejected]);
      await powerCut(instance);
      return rejected;
    },
    pause: async (instance) => {
      await qmp(instance, 'stop');
    },
    guestWrite: (instance, block, value) => guestWriteBytes(instance, block * BLOCK_BYTES, BLOCK_BYTES, value),
    guestZero: async (instance, block) => {
      await guestIo(instance, `write -z -u ${block * BLOCK_BYTES} ${BLOCK_BYTES}`);
      await guestIo(instance, 'flush');
    },
    guestRead: async (instance, block) => uniform(await liveReads.read(instance, block)),
    coldRead: async (instance, file, block) => {
      const path = file === 'disk' ? join(directoryOf(instance), 'disk') : await diskFiles.layerPath(instance, file);
      return uniform(await coldReads.read(path, block));
    },
    startForeignJob: async (instance) => {
      const target = join(root, `mirror-${instance}`);
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
    close: async () => {
      for (const instance of styles.keys()) await compute.stop(instance, 0);
      await rm(root, { recursive: true, force: true });
    },
  };
}

const same = (start: string[]): string[] => start;

/** 64 KiB of firmware that halts the processor where it starts: no guest, no load. */
function haltingFirmware(): Buffer {
  const rom = Buffer.alloc(65_536, 0xf4);
  rom.set([0xfa, 0xf4, 0xeb, 0xfd], 0xfff0); // cli; hlt; jmp to hlt
  return rom;
}

async function writeBase(path: string): Promise<void> {
  const file = await open(path, 'w');
  for (let block = 0; block < BLOCKS; block++) await file.write(Buffer.alloc(BLOCK_BYTES, 200 + (block % 50)));
  await file.close();
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

/** Reads that are asked for at the same moment are made together: most of the cost is in opening. */
class Batches<Key extends string> {
  private readonly waiting = new Map<Key, { blocks: number[]; bytes: Promise<Buffer[]> }>();

  constructor(private readonly readAll: (key: Key, blocks: readonly number[]) => Promise<Buffer[]>) {}

  async read(key: Key, block: number): Promise<Buffer> {
    let batch = this.waiting.get(key);
    if (!batch) {
      const blocks: number[] = [];
      const begin = async () => {
        await delay(2);
        this.waiting.delete(key);
        return this.readAll(key, blocks);
      };
      batch = { blocks, bytes: begin() };
      this.waiting.set(key, batch);
    }
    const index = batch.blocks.push(block) - 1;
    return (await batch.bytes)[index] ?? Buffer.alloc(0);
  }
}

/** The number in all bytes. */
function uniform(bytes: Buffer): number {
  const [value] = bytes;
  if (value === undefined) throw new Error('nothing was read');
  const other = bytes.find((byte) => byte !== value);
  if (other !== undefined) throw new Error(`a block of ${value} and ${other}`);
  return value;
}

/** What qemu-io has printed of what it read: `00010000:  05 05 …  ....` */
function bytesOfDump(dump: string): Buffer {
  const hex = [...dump.matchAll(/^[0-9a-f]{8,}:\s+((?:[0-9a-f]{2} )+)/gim)].map(([, line = '']) => line);
  return Buffer.from(hex.join('').replaceAll(' ', ''), 'hex');
}

async function anyLocked(diskFiles: QemuImgDiskFiles, instance: InstanceId): Promise<boolean> {
  for (const { path } of await diskFiles.findChain(instance)) if (await isLockedForWriting(path)) return true;
  return false;
}
