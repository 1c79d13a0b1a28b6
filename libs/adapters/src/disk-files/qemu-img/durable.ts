import { randomBytes } from 'node:crypto';
import { chown, constants, link, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** `<st_dev>:<st_ino>`, decimal. As text: both may pass 2^53. */
export type InodeText = `${bigint}:${bigint}`;

export async function inodeOf(path: string): Promise<InodeText> {
  const { dev, ino } = await stat(path, { bigint: true });
  return `${dev}:${ino}`;
}

/** `null`: the name leads nowhere. */
export async function inodeOrNull(path: string): Promise<InodeText | null> {
  return ifThere(inodeOf(path));
}

/** `null` in place of "no such file". */
export async function ifThere<T>(wanted: Promise<T>): Promise<T | null> {
  try {
    return await wanted;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw error;
  }
}

/** File data and size, or the entries of a directory, are on the disk when this resolves. */
export async function sync(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Makes the missing directories below `root`, each with the owner and synced into the one above. */
export async function makeDirectory(root: string, path: string, owner: Owner): Promise<void> {
  if (path === root) return;
  await makeDirectory(root, dirname(path), owner);
  try {
    await mkdir(path, { mode: 0o755 });
    await chown(path, owner.uid, owner.gid);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  // Also when it was there: who made it may have died before.
  await sync(dirname(path));
}

/** Replaces a file atomically: whoever opens it, also after a power cut, finds the old text or the new. */
export async function replaceFile(path: string, text: string, owner: Owner): Promise<void> {
  const part = `${path}.${randomBytes(6).toString('hex')}.part`;
  try {
    const handle = await open(part, 'wx', 0o644);
    try {
      await handle.writeFile(text);
      await handle.chown(owner.uid, owner.gid);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
  await sync(dirname(path));
}

/** Moves a name to another file of the same file system; the name is never missing. Synced. */
export async function moveNameTo(path: string, target: string): Promise<void> {
  if ((await inodeOrNull(path)) === (await inodeOf(target))) {
    // rename(2) of one link of a file over another does nothing and leaves both.
    await sync(dirname(path));
    return;
  }
  const next = join(dirname(path), `.varve-${randomBytes(6).toString('hex')}.next`);
  await link(target, next);
  try {
    await rename(next, path);
  } catch (error) {
    await rm(next, { force: true });
    throw error;
  }
  await sync(dirname(path));
}
