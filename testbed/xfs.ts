// A file system with reflinks, where the machine's own has none: XFS in a file, mounted through a loop device.
//
//   const xfs = await mountXfs();
//   ... xfs.dir ...
//   await xfs.unmount();
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface XfsMount {
  readonly dir: string;
  /** Also deletes what is in it. */
  unmount(): Promise<void>;
}

/**
 * Needs root. The file behind it is sparse.
 *
 * @param sizeMiB - at least 300, the smallest that mkfs.xfs makes
 * @param options - `reflink: false`: without them, to compare
 */
export async function mountXfs(sizeMiB = 2048, { reflink = true } = {}): Promise<XfsMount> {
  const home = await mkdtemp('/var/tmp/varve-xfs-');
  const image = join(home, 'image');
  const dir = join(home, 'mnt');
  try {
    await mkdir(dir);
    await writeFile(image, '');
    await truncate(image, sizeMiB * 1024 * 1024);
    await run('mkfs.xfs', ['-q', '-m', `reflink=${reflink ? 1 : 0}`, image]);
    await run('mount', ['-o', 'loop', image, dir]);
  } catch (error) {
    await rm(home, { recursive: true });
    throw error;
  }
  const unmount = async (): Promise<void> => {
    await run('umount', [dir]);
    await rm(home, { recursive: true });
  };
  return { dir, unmount };
}
