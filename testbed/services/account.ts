// Under which user the embedded services run: as ourselves, or, since PostgreSQL refuses root, as a system user of our own.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';

const NAME = 'varve-testbed';

/** The user behind the services; `drop` is put in front of a command to run it as that user. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly drop: readonly [string, ...string[]];
}

const id = (flag: string, ...user: string[]): string =>
  execFileSync('id', [flag, ...user], { encoding: 'utf8' }).trim();

export function servicesAccount(): Account {
  // Whatever ends this process, a kill -9 too, ends the services with it.
  const dieWithParent = ['setpriv', '--pdeathsig', 'KILL'] as const;
  if (process.getuid?.() !== 0) {
    return { name: id('-un'), uid: Number(id('-u')), gid: Number(id('-g')), drop: [...dieWithParent, '--'] };
  }
  if (spawnSync('id', ['-u', NAME]).status !== 0) {
    const options = ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin'];
    const { status, stderr } = spawnSync('useradd', [...options, NAME], { encoding: 'utf8' });
    // Of two that start together, the other one has made it.
    if (status !== 0 && spawnSync('id', ['-u', NAME]).status !== 0) throw new Error(`useradd failed: ${stderr}`);
  }
  const uid = Number(id('-u', NAME));
  const gid = Number(id('-g', NAME));
  const toUser = ['--reuid', String(uid), '--regid', String(gid), '--clear-groups', '--'];
  return { name: NAME, uid, gid, drop: [...dieWithParent, ...toUser] };
}

/**
 * Makes `dir`, owned by the account.
 *
 * @throws {Error} when a folder above it keeps the account out, as root's home does
 */
export function makeFolderFor(account: Account, dir: string): void {
  mkdirSync(dir, { recursive: true });
  if (process.getuid?.() === 0) execFileSync('chown', ['-R', `${account.uid}:${account.gid}`, dir]);
  const [command, ...args] = [...account.drop, 'test', '-w', resolve(dir)] as const;
  if (spawnSync(command, args, { cwd: '/' }).status !== 0) {
    throw new Error(`the user ${account.name} cannot reach ${dir}: choose a folder below /var/tmp`);
  }
}
