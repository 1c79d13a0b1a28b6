// The proving guest's kernel, initial file system and checker: built once per version of their sources, then cached.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export interface GuestImage {
  readonly kernel: string;
  readonly initrd: string;
  /** The checker on the host; see src/patio.c. */
  readonly patio: string;
}

const here = import.meta.dirname;

/**
 * Seconds for the first one on a machine (it downloads two Debian packages), then immediate.
 *
 * @throws {Error} with what the build said
 */
export function guestImage(): GuestImage {
  const cache = process.env['VARVE_CACHE'] ?? join(homedir(), '.cache', 'varve');
  const dir = join(cache, `guest-${sourcesDigest()}`);
  if (!existsSync(join(dir, 'initrd.gz'))) execFileSync(join(here, 'build.sh'), [dir], { stdio: ['ignore', 2, 2] });
  return { kernel: join(dir, 'vmlinuz'), initrd: join(dir, 'initrd.gz'), patio: join(dir, 'patio') };
}

function sourcesDigest(): string {
  const digest = createHash('sha256');
  for (const name of ['build.sh', 'init', ...globSync('src/*', { cwd: here }).sort()]) {
    digest.update(`${name}\n`).update(readFileSync(join(here, name)));
  }
  return digest.digest('hex').slice(0, 12);
}
