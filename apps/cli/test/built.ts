import { execFile } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

export const ROOT = resolve(import.meta.dirname, '../../..');
/** The command as it is installed. */
export const VARVE = join(ROOT, 'packaging/bin/varve');

const MAIN = join(ROOT, 'dist/apps/cli/main.js');
const SOURCES = ['apps/cli/src', 'libs/api-client/src', 'libs/contracts/src', 'libs/core/src'];

/** Builds the command unless that was done since its sources last changed. */
export async function buildCommand(): Promise<void> {
  const built = await stat(MAIN).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
  if (built > (await newestIn(SOURCES))) return;
  await promisify(execFile)('npm', ['exec', '--', 'nest', 'build', 'cli'], { cwd: ROOT });
}

async function newestIn(folders: readonly string[]): Promise<number> {
  const times = folders.map(async (folder) => {
    const files = await readdir(join(ROOT, folder), { recursive: true, withFileTypes: true });
    return files
      .filter((file) => file.isFile())
      .map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).mtimeMs);
  });
  return Math.max(...(await Promise.all((await Promise.all(times)).flat())));
}
