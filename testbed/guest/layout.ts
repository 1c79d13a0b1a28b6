// An instance directory as the product's `qmp` and `standalone` adapters expect it, with the proving guest in it.
import { execFileSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { GuestImage } from './image.ts';

export interface GuestOptions {
  /** The folder of instance directories. The base image goes into `_base` beside it. */
  readonly instances: string;
  /** A uuid; made up when left out. */
  readonly id?: string;
  readonly project?: string;
  readonly name?: string;
  /** How QEMU is told of the disk: one `-drive`, or explicit nodes as libvirt does. */
  readonly blockStyle?: 'drive' | 'blockdev';
  readonly diskBytes?: number;
  /** Blocks of 4096 bytes at the disk's start that the guest writes to. What is behind becomes /dev/vda1 in the guest. */
  readonly areaBlocks?: number;
  /** Random blocks of the area that the base image holds. */
  readonly seedOps?: number;
  readonly memoryMiB?: number;
  /** `START,SPAN,seq|rand,FLUSH_EVERY,PER_SECOND`: writes from the start of every boot. */
  readonly load?: string;
}

export interface GuestFiles {
  readonly id: string;
  readonly dir: string;
  readonly disk: string;
  readonly base: string;
  readonly console: string;
  readonly pidFile: string;
  readonly qmp: string;
  readonly qmpForTests: string;
  readonly agent: string;
  readonly control: string;
  readonly start: readonly string[];
}

/** Makes the directory, the base image if it is the first on it, and an empty disk. */
export function layOut(image: GuestImage, options: GuestOptions): GuestFiles {
  const id = options.id ?? randomUUID();
  const dir = join(resolve(options.instances), id);
  const diskBytes = options.diskBytes ?? 512 * 1024 * 1024;
  const areaBlocks = options.areaBlocks ?? 65_536;
  mkdirSync(dir, { recursive: true });
  const console = join(dir, 'console.log');
  const base = baseImage(image, join(dirname(dirname(dir)), '_base'), diskBytes, areaBlocks, options.seedOps ?? 2048);
  appendFileSync(console, readFileSync(`${base}.journal`));
  const disk = join(dir, 'disk');
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', base, disk, String(diskBytes)]);

  const at = (name: string): string => {
    const path = join(dir, name);
    if (Buffer.byteLength(path) > 107) throw new Error(`too long for a socket's path: ${path}`);
    return path;
  };
  const files = {
    id,
    dir,
    disk,
    base,
    console,
    pidFile: join(dir, 'qemu.pid'),
    qmp: at('qmp.sock'),
    qmpForTests: at('qmp-test.sock'),
    agent: at('agent.sock'),
    control: at('control.sock'),
  };
  const start = commandLine(image, files, { ...options, areaBlocks });
  const instance = {
    version: 1,
    project: options.project ?? 'demo',
    name: options.name ?? 'proving-guest',
    start,
    qmp: 'qmp.sock',
    agent: 'agent.sock',
  };
  writeFileSync(join(dir, 'instance.json'), JSON.stringify(instance, null, 2));
  return { ...files, start };
}

/** Shared by all guests of the same measures; its name looks like those in Nova's `_base`. */
function baseImage(image: GuestImage, folder: string, bytes: number, area: number, seedOps: number): string {
  const path = join(folder, createHash('sha1').update(`${bytes} ${area} ${seedOps}`).digest('hex'));
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true });
  const part = `${path}.${process.pid}.part`;
  writeFileSync(part, '');
  truncateSync(part, bytes);
  const journal = execFileSync(image.patio, [
    'seed',
    '--raw',
    part,
    '--count',
    String(seedOps),
    '--area',
    String(area),
  ]);
  writeFileSync(`${part}.journal`, journal);
  renameSync(`${part}.journal`, `${path}.journal`);
  renameSync(part, path);
  return path;
}

function commandLine(
  image: GuestImage,
  files: Omit<GuestFiles, 'start'>,
  options: GuestOptions & { areaBlocks: number },
): string[] {
  const append = [
    'console=ttyS0 quiet panic=1',
    // Seconds of a boot without KVM: hardening and self-tests that prove nothing here.
    'mitigations=off nokaslr cryptomgr.notests tsc=reliable no_timer_check',
    `varve.area=${options.areaBlocks}`,
    ...(options.load ? [`varve.load=${options.load}`] : []),
  ];
  const serve = (id: string, path: string): string[] => ['-chardev', `socket,id=${id},path=${path},server=on,wait=off`];
  return [
    ['qemu-system-x86_64', '-nodefaults', '-no-user-config', '-machine', 'pc', '-cpu', 'qemu64'],
    ['-accel', process.env['VARVE_ACCEL'] ?? 'tcg', '-m', String(options.memoryMiB ?? 192)],
    ['-display', 'none', '-no-reboot', '-name', `guest=${files.id}`, '-uuid', files.id, '-pidfile', files.pidFile],
    ['-kernel', image.kernel, '-initrd', image.initrd, '-append', append.join(' ')],
    ['-chardev', `file,id=console,path=${files.console},append=on`, '-serial', 'chardev:console'],
    ['-qmp', `unix:${files.qmp},server=on,wait=off`, '-qmp', `unix:${files.qmpForTests},server=on,wait=off`],
    ['-device', 'virtio-serial-pci', ...serve('control', files.control), ...serve('agent', files.agent)],
    ['-device', 'virtserialport,chardev=control,name=org.varve.control'],
    ['-device', 'virtserialport,chardev=agent,name=org.qemu.guest_agent.0'],
    diskArguments(files.disk, options.blockStyle ?? 'drive'),
  ].flat();
}

function diskArguments(disk: string, style: 'drive' | 'blockdev'): string[] {
  if (style === 'drive') {
    const drive = `file=${disk},if=none,id=system,format=qcow2,cache=none,discard=unmap`;
    return ['-drive', drive, '-device', 'virtio-blk-pci,drive=system,id=vda'];
  }
  const cache = { direct: true, 'no-flush': false };
  const storage = {
    driver: 'file',
    'node-name': 'libvirt-1-storage',
    filename: disk,
    'auto-read-only': true,
    discard: 'unmap',
    cache,
  };
  // No "backing": QEMU opens what the header says, so that the same command fits every depth of the chain.
  const format = {
    driver: 'qcow2',
    'node-name': 'libvirt-1-format',
    'read-only': false,
    file: 'libvirt-1-storage',
    discard: 'unmap',
    cache,
  };
  return [
    ['-blockdev', JSON.stringify(storage), '-blockdev', JSON.stringify(format)],
    ['-device', 'virtio-blk-pci,drive=libvirt-1-format,id=vda,write-cache=on'],
  ].flat();
}
