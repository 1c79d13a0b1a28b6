import { readdir, readFile } from 'node:fs/promises';
import { ifThere, inodeOrNull } from '../../disk-files/qemu-img/durable.js';

/** What a process has open, by inode; `true`: for writing. */
export type OpenFiles = ReadonlyMap<string, boolean>;

/** Where each was found last: a look through all processes of a host takes tens of milliseconds. */
const lastFound = new Map<string, number>();

/**
 * The QEMU process of a domain, by the uuid on its command line. libvirt tells nobody its number, and where it keeps it
 * depends on how it was built.
 *
 * @returns `null`: there is none
 */
export async function findQemu(uuid: string): Promise<number | null> {
  const last = lastFound.get(uuid);
  if (last !== undefined && (await isQemuOf(last, uuid))) return last;
  lastFound.delete(uuid);
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name) || !(await isQemuOf(Number(name), uuid))) continue;
    lastFound.set(uuid, Number(name));
    return Number(name);
  }
  return null;
}

async function isQemuOf(pid: number, uuid: string): Promise<boolean> {
  const words = (await gone(readFile(`/proc/${pid}/cmdline`, 'latin1')))?.split('\0') ?? [];
  const at = words.indexOf('-uuid');
  return words[0]?.includes('qemu') === true && at > 0 && words[at + 1] === uuid;
}

/**
 * What the kernel says QEMU has open, which no renaming can deceive.
 *
 * @returns `null`: the process is gone
 */
export async function openFilesOf(pid: number): Promise<OpenFiles | null> {
  const numbers = await gone(readdir(`/proc/${pid}/fd`));
  if (numbers === null) return null;
  const open = new Map<string, boolean>();
  for (const number of numbers) {
    const inode = await gone(inodeOrNull(`/proc/${pid}/fd/${number}`));
    const flags = inode === null ? null : await gone(readFile(`/proc/${pid}/fdinfo/${number}`, 'latin1'));
    const mode = /^flags:\s*([0-7]+)$/m.exec(flags ?? '')?.[1];
    if (inode === null || mode === undefined) continue;
    const forWriting = (Number.parseInt(mode, 8) & 3) !== 0;
    open.set(inode, forWriting || open.get(inode) === true);
  }
  return open;
}

/** `null` for a process, or a file of it, that has gone between two looks. */
async function gone<T>(wanted: Promise<T>): Promise<T | null> {
  try {
    return await ifThere(wanted);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return null;
    throw error;
  }
}
