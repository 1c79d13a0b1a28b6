import { readdir, readFile } from 'node:fs/promises';
import { ifThere, inodeOrNull } from '../../disk-files/qemu-img/durable.js';

/** What a process has open, by inode; `true`: for writing. */
export type OpenFiles = ReadonlyMap<string, boolean>;

/**
 * The QEMU process of a domain, by the uuid on its command line. libvirt tells nobody its number, and where it keeps it
 * depends on how it was built.
 *
 * @returns `null`: there is none
 */
export async function findQemu(uuid: string): Promise<number | null> {
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const words = (await gone(readFile(`/proc/${name}/cmdline`, 'latin1')))?.split('\0') ?? [];
    if (words[0]?.includes('qemu') && words[words.indexOf('-uuid') + 1] === uuid) return Number(name);
  }
  return null;
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
