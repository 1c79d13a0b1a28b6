// The system users that Debian's packages bring, as accounts to run processes under.
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import type { Account } from '../services/account.ts';

const id = (flag: string, user: string): number =>
  Number(execFileSync('id', [flag, user], { encoding: 'utf8' }).trim());

/** @throws {Error} when there is no such user: its package is missing */
export function systemUser(name: string): Account {
  const uid = id('-u', name);
  const gid = id('-g', name);
  const toUser = name === 'root' ? [] : ['--reuid', String(uid), '--regid', String(gid), '--init-groups'];
  return { name, uid, gid, drop: ['setpriv', '--pdeathsig', 'KILL', ...toUser, '--'] };
}

/** Makes `dir` if need be, and it (not what is in it) the user's own. */
export function ownFolder(user: Account, dir: string, mode = 0o755): string {
  mkdirSync(dir, { recursive: true });
  execFileSync('chown', [`${user.uid}:${user.gid}`, dir]);
  execFileSync('chmod', [mode.toString(8), dir]);
  return dir;
}

/** A file that the user may read and nobody else, for it holds passwords. */
export function writeFor(user: Account, path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text, { mode: 0o600 });
  execFileSync('chown', [`${user.uid}:${user.gid}`, path]);
}

/**
 * Runs a command as the user to its end.
 *
 * @throws {Error} with what it said, when it fails
 */
export async function runAs(user: Account, argv: readonly string[], okStatus: readonly number[] = [0]): Promise<void> {
  const [command, ...args] = [...user.drop, ...argv] as [string, ...string[]];
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8', HOME: '/nonexistent' };
  try {
    await promisify(execFile)(command, args, { cwd: '/', env, timeout: 300_000, maxBuffer: 64 << 20 });
  } catch (error) {
    const { code, stdout, stderr } = error as { code?: number; stdout?: string; stderr?: string };
    if (code !== undefined && okStatus.includes(code)) return;
    const said = `${stdout ?? ''}${stderr ?? ''}`.split('\n').slice(-15).join('\n');
    throw new Error(`${argv.join(' ')} failed:\n${said}`, { cause: error });
  }
}
