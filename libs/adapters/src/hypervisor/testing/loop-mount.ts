import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface LoopMount {
  readonly path: string;
  close(): Promise<void>;
}

/** A file system of its own, in a file: to fill it up, or to have one that shares blocks. Takes root. */
export async function mountLoop(kind: 'ext4' | 'xfs', sizeBytes: number): Promise<LoopMount> {
  const root = await mkdtemp(join(tmpdir(), `varve-${kind}-`));
  const image = join(root, 'image');
  const path = join(root, 'mounted');
  await writeFile(image, '');
  await truncate(image, sizeBytes);
  await run(`mkfs.${kind}`, ['-q', image]);
  await mkdir(path);
  await run('mount', ['-o', 'loop', image, path]);
  return {
    path,
    close: async () => {
      await run('umount', [path]);
      await rm(root, { recursive: true, force: true });
    },
  };
}
