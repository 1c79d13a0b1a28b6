// The proving guest as a disk that boots by itself, for a cloud that is given nothing but an image.
//
//     1 MiB   a FAT partition: syslinux, the kernel, the initial file system
//    32 MiB   /dev/vda2, the area that the guest writes to, with the seeded blocks in it
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { guestImage } from '../guest/image.ts';

const MIB = 1 << 20;
/** 32 MiB: each boot reads all of it, and a rollback brings most of it back. */
export const AREA_BLOCKS = 8_192;
export const AREA_OFFSET = 32 * MIB;
const SEED_OPS = 2048;
/** All over the area, a flush for every 8 writes, 50 writes a second: six such guests leave two cores time for the rest. */
export const LOAD = `0,${AREA_BLOCKS},rand,8,50`;

export interface GuestDisk {
  /** A qcow2 image. */
  readonly disk: string;
  /** What the checker must know of the seeded blocks. */
  readonly journal: string;
}

/** Builds it into `dir`, unless it is there. */
export function guestDisk(dir: string): GuestDisk {
  const made = { disk: join(dir, 'guest.qcow2'), journal: join(dir, 'guest.journal') };
  if (existsSync(made.disk)) return made;
  const work = mkdtempSync('/var/tmp/varve-guest-disk-');
  try {
    build(work);
    renameSync(join(work, 'journal'), made.journal);
    renameSync(join(work, 'disk.qcow2'), made.disk);
  } finally {
    rmSync(work, { recursive: true });
  }
  return made;
}

function build(work: string): void {
  const image = guestImage();
  const at = (name: string): string => join(work, name);
  const run = (command: string, args: readonly string[], input = ''): Buffer =>
    execFileSync(command, args, { input, env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } });
  const sparse = (file: string, bytes: number): string => {
    writeFileSync(file, '');
    truncateSync(file, bytes);
    return file;
  };

  const fat = sparse(at('fat'), AREA_OFFSET - MIB);
  run('mkfs.fat', ['-F', '16', '-s', '4', '-h', '2048', '-n', 'VARVE', fat]);
  writeFileSync(at('syslinux.cfg'), SYSLINUX);
  for (const [file, name] of [
    [image.kernel, 'vmlinuz'],
    [image.initrd, 'initrd.gz'],
    [at('syslinux.cfg'), 'syslinux.cfg'],
  ] as const)
    run('mcopy', ['-i', fat, file, `::/${name}`]);
  run('syslinux', ['--install', fat]);

  const areaBytes = AREA_BLOCKS * 4096;
  const area = sparse(at('area'), areaBytes);
  const seed = ['seed', '--raw', area, '--count', String(SEED_OPS), '--area', String(AREA_BLOCKS)];
  writeFileSync(at('journal'), run(image.patio, seed));

  const raw = sparse(at('disk.raw'), AREA_OFFSET + areaBytes);
  const table = [
    'label: dos',
    'label-id: 0x76617276',
    `start=2048, size=${(AREA_OFFSET - MIB) / 512}, type=e, bootable`,
    `start=${AREA_OFFSET / 512}, size=${areaBytes / 512}, type=da`,
  ];
  run('sfdisk', ['-q', raw], `${table.join('\n')}\n`);
  const copy = (from: string, ...more: string[]): Buffer =>
    run('dd', [`if=${from}`, `of=${raw}`, 'status=none', ...more]);
  copy('/usr/lib/syslinux/mbr/mbr.bin', 'bs=440', 'count=1', 'conv=notrunc');
  copy(fat, 'bs=1M', 'seek=1', 'conv=notrunc,sparse');
  copy(area, 'bs=1M', `seek=${AREA_OFFSET / MIB}`, 'conv=notrunc,sparse');
  run('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', raw, at('disk.qcow2')]);
}

const SYSLINUX = `SERIAL 0 115200
DEFAULT linux
PROMPT 0
TIMEOUT 1
LABEL linux
  KERNEL /vmlinuz
  INITRD /initrd.gz
  APPEND ${[
    'console=ttyS0 quiet panic=1',
    // Seconds of a boot without KVM: hardening and self-tests that prove nothing here.
    'mitigations=off nokaslr cryptomgr.notests tsc=reliable no_timer_check',
    `varve.disk=/dev/vda2 varve.control=console varve.area=${AREA_BLOCKS} varve.load=${LOAD}`,
  ].join(' ')}
`;
