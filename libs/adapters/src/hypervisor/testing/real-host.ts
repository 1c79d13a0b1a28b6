import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { FileId, InstanceId } from '@varve/core';
import type { HostHarness, StartStyle } from '@varve/ports/testing';
import { isLockedForWriting } from '../../disk-files/qemu-img/image-locks.js';
import { QemuImgDiskFiles } from '../../disk-files/qemu-img/qemu-img-disk-files.js';
import { NbdClient } from '../../disk-files/qemu-img/nbd-client.js';
import { QmpConnection } from '../qmp/qmp-connection.js';
import { readSystemDisk } from '../qmp/system-disk.js';
import { plainEngine } from './plain-engine.js';
import type { MakeEngine } from './engine.js';

const BLOCK_BYTES = 65_536;
const BLOCKS = 256;
const run = promisify(execFile);

export interface RealHostOptions {
  /** Where the instances go; a new folder for temporary files if not given. */
  readonly parent?: string;
  readonly beforeStart?: (instance: InstanceId) => Promise<void>;
  /** Who starts the QEMU processes; if not given, we do. */
  readonly engine?: MakeEngine;
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

  const sockets = join(root, 'sockets');
  await mkdir(sockets);
  // A QEMU of libvirt's runs as a user of its own.
  await chmod(root, 0o755);
  await chmod(sockets, 0o777);

  const diskFiles = new QemuImgDiskFiles({ instancesDir, stateDir: join(root, 'state') });
  const directoryOf = (instance: InstanceId) => join(instancesDir, instance);
  const edits = new Map<InstanceId, (start: string[]) => string[]>();
  const engine = await (options.engine ?? plainEngine)({
    root,
    instancesDir,
    sockets,
    bios,
    ...(options.beforeStart ? { beforeStart: options.beforeStart } : {}),
    edit: (instance, start) => edits.get(instance)?.(start) ?? start,
  });
  const { hypervisor, compute } = engine;
  const styles = new Map<InstanceId, StartStyle>();

  const monitorOf = (instance: InstanceId) => QmpConnection.open(engine.monitorOf(instance), 5_000);
  const qmp = async <T>(instance: InstanceId, command: string, args: Record<string, unknown> = {}): Promise<T> => {
    const monitor = await monitorOf(instance);
    try {
      return await monitor.execute<T>(command, args);
    } finally {
      monitor.close();
    }
  };
  /** QEMU's own qemu-io on the guest's device. What it says, also of errors, goes to QEMU's log: reads show them. */
  const guestIo = async (instance: InstanceId, command: string): Promise<void> => {
    const monitor = await monitorOf(instance);
    try {
      const { device } = await readSystemDisk(monitor, directoryOf(instance));
      await monitor.execute('human-monitor-command', { 'command-line': `qemu-io -d ${device} "${command}"` });
    } finally {
      monitor.close();
    }
  };
  /** Reads from the node that the guest's device reads from, by way of an export for that time. */
  const guestReadBlocks = async (instance: InstanceId, blocks: readonly number[]): Promise<Buffer[]> => {
    const socket = join(sockets, `${instance}.nbd`);
    const monitor = await monitorOf(instance);
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
  const describe = (instance: InstanceId) => engine.describe(instance, styles.get(instance) ?? 'drive');
  const powerCut = async (instance: InstanceId): Promise<void> => {
    process.kill(await engine.pidOf(instance), 'SIGKILL');
    while ((await hypervisor.powerState(instance)) !== 'stopped' || (await anyLocked(diskFiles, instance)))
      await delay(5);
  };

  return {
    hypervisor,
    diskFiles,
    compute,
    startStyles: engine.startStyles,
    blockBytes: BLOCK_BYTES,
    blockCount: BLOCKS,
    instancesDir,
    basePath,
    qmp,
    guestWriteBytes,
    pidOf: (instance) => engine.pidOf(instance),
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
          // Minutes, so that it is not over before the power is cut, which ends it.
          bytesPerSecond: 2 ** 14,
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
    pause: (instance) => engine.pause(instance),
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
    startForeignJob: (instance) => engine.startForeignJob(instance, join(sockets, `mirror-${instance}`)),
    close: async () => {
      for (const instance of styles.keys()) await compute.stop(instance, 0);
      await engine.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

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
