import { readFile, statfs } from 'node:fs/promises';
import { ifThere, inodeOf } from './durable.js';
import { runTool, ToolFailedError } from './tools.js';

/** A page less the longest line. Bytes, as /proc/locks has no others than ASCII. */
const SURELY_ONE_PAGE = 3_900;
/** How often /proc/locks is read for a lock that is not in it. */
const LOOKS_AT_MOST = 20;
/** QEMU locks one byte of an image for each permission it uses; this one is "write" (RAW_LOCK_PERM_BASE + 1). */
const WRITE_BYTE = 101;

/** File systems whose `st_dev` is not the device number in /proc/locks: btrfs, overlayfs, bcachefs. */
const OWN_DEVICE_NUMBERS = new Set([0x9123683e, 0x794c7630, 0xca451a4e]);

/**
 * Whether some process on this host has the image open to write to it: a QEMU whatever its state, qemu-nbd, qemu-img.
 *
 * Asks /proc/locks, and touches nothing: a tool that opened the image instead would hold its locks for an instant, and
 * an instance that is started in that instant would fail to start. Only where /proc/locks can't tell is a tool used.
 *
 * @returns `false` also when there is no such file
 */
export async function isLockedForWriting(path: string): Promise<boolean> {
  const inode = await ifThere(inodeOf(path));
  if (inode === null) return false;
  if (await isInLocks((locks) => locksWriteByte(locks, inode))) return true;
  return OWN_DEVICE_NUMBERS.has((await statfs(path)).type) ? await isRefusedByTool(path) : false;
}

/**
 * Whether some process has the image open at all, e.g. as a read-only layer of a running instance.
 *
 * @returns `false` also when there is no such file
 */
export async function isOpen(path: string): Promise<boolean> {
  const inode = await ifThere(inodeOf(path));
  if (inode === null) return false;
  const isHeld = await isInLocks((locks) => lockedRanges(locks, inode).length > 0);
  return isHeld || (await isLockedForWriting(path));
}

/**
 * Whether /proc/locks shows a lock. The kernel gives it a page at a time, each from the place in the list that the last
 * one ended at: what is unlocked in between has as many others left out. So that a lock is not there is believed of a
 * text that fits in a page, or of two that show the same.
 */
export async function isInLocks(
  isThere: (procLocks: string) => boolean,
  read: () => Promise<string> = () => readFile('/proc/locks', 'utf8'),
): Promise<boolean> {
  let before: string | null = null;
  for (let looks = 0; looks < LOOKS_AT_MOST; looks++) {
    const text = await read();
    if (isThere(text)) return true;
    if (text.length < SURELY_ONE_PAGE) return false;
    // Each line begins with its place.
    const held = text.replaceAll(/^\d+:/gm, '');
    if (held === before) return false;
    before = held;
  }
  return false; // where locks come and go all the time, it would have been among them by now
}

/** @param inode - `<st_dev>:<st_ino>` */
export function locksWriteByte(procLocks: string, inode: string): boolean {
  return lockedRanges(procLocks, inode).some(([first, last]) => first <= WRITE_BYTE && WRITE_BYTE <= last);
}

/** What open file descriptions hold of an inode. QEMU's locks are of that kind. */
function lockedRanges(procLocks: string, inode: string): [first: number, last: number][] {
  const [device = '', number = ''] = inode.split(':');
  const wanted = `${majorMinor(BigInt(device))}:${number}`;
  return procLocks.split('\n').flatMap((line): [number, number][] => {
    // 12: OFDLCK  ADVISORY  READ -1 fe:00:264 100 101          a line with "->" is a waiter, not a holder
    const fields = line.trim().split(/\s+/);
    if (fields[1] !== 'OFDLCK' || fields[5] !== wanted) return [];
    return [[Number(fields[6]), fields[7] === 'EOF' ? Number.MAX_SAFE_INTEGER : Number(fields[7])]];
  });
}

/** As /proc/locks prints it: two hexadecimal digits at least. */
function majorMinor(device: bigint): string {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n);
  const minor = (device & 0xffn) | ((device >> 12n) & 0xffffff00n);
  const hex = (number: bigint) => number.toString(16).padStart(2, '0');
  return `${hex(major)}:${hex(minor)}`;
}

async function isRefusedByTool(path: string): Promise<boolean> {
  const info = ['info', '--output=json', '-f', 'qcow2'];
  try {
    await runTool('qemu-img', [...info, path]);
    return false;
  } catch (error) {
    if (!(error instanceof ToolFailedError)) throw error;
    // Readable when locks are ignored: then it was the lock that stood in the way.
    await runTool('qemu-img', [...info, '--force-share', path]);
    return true;
  }
}
