// libvirtd and virtlogd in their usual places, for Nova and for people with `virsh`; or those that run already.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Daemon } from '../services/daemon.ts';
import { pidsNaming } from '../services/process-table.ts';
import { Service } from '../services/service.ts';
import { until } from '../services/until.ts';
import { LIBVIRT_URI } from './nova.ts';
import { systemUser } from './users.ts';

const run = promisify(execFile);

/** Domains are known by their uuid, which is Nova's id of the server. */
export const virsh = async (...args: string[]): Promise<string> =>
  (
    await run('virsh', ['-q', '-c', LIBVIRT_URI, ...args], { env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' } })
  ).stdout.trim();

const answers = (): Promise<boolean> =>
  virsh('version').then(
    () => true,
    () => false,
  );

// libvirt looks for hooks when it starts, and only then. So there is always one, which does what a test puts here.
const HOOK = '/etc/libvirt/hooks/qemu.d/varve-testbed';
const hookScript = (dir: string): string => `#!/bin/sh
[ -x ${dir}/hook ] || exit 0
exec ${dir}/hook "$@"
`;

/** In the order in which to start them; none when the machine has a libvirtd that runs. */
export async function prepareLibvirt(dir: string, logOf: (name: string) => string): Promise<Service[]> {
  if (await answers()) return [];
  const conf = join(dir, 'libvirtd.conf');
  const settings = {
    unix_sock_group: '"libvirt"',
    unix_sock_ro_perms: '"0777"',
    unix_sock_rw_perms: '"0770"',
    auth_unix_ro: '"none"',
    auth_unix_rw: '"none"',
  };
  writeFileSync(
    conf,
    Object.entries(settings)
      .map(([key, value]) => `${key} = ${value}\n`)
      .join(''),
  );
  mkdirSync(dirname(HOOK), { recursive: true });
  writeFileSync(HOOK, hookScript(dir), { mode: 0o755 });
  const service = (name: string, argv: readonly string[], isReady: () => Promise<boolean>): Service => {
    const daemon = { name, argv: [`/usr/sbin/${name}`, ...argv], cwd: '/', logFile: logOf(name) };
    return new Service(name, [new Daemon(systemUser('root'), daemon)], isReady);
  };
  // Apart: the guests' consoles end with virtlogd, while libvirtd may come and go.
  return [
    service('virtlogd', [], () => Promise.resolve(existsSync('/run/libvirt/virtlogd-sock'))),
    service('libvirtd', ['--config', conf], answers),
  ];
}

/** For the cloud's end. */
export const removeHook = (): void => rmSync(HOOK, { force: true });

/** Cuts the power of every guest in `instancesDir`; with `forget`, libvirt forgets them too. */
export async function endGuests(instancesDir: string, { forget }: { forget: boolean }): Promise<void> {
  const ours = async (...which: string[]): Promise<string[]> =>
    (await virsh('list', '--uuid', ...which))
      .split(/\s+/)
      .filter((id) => id !== '' && existsSync(join(instancesDir, id)));
  for (const id of await ours()) await virsh('destroy', id);
  if (!forget) return;
  for (const id of await ours('--all')) {
    await virsh('undefine', id, '--managed-save', '--snapshots-metadata', '--checkpoints-metadata', '--nvram');
  }
}

/** The same without libvirtd, for a cloud whose holder was killed. */
export async function endGuestsByForce(instancesDir: string): Promise<void> {
  if (await answers()) return endGuests(instancesDir, { forget: true });
  const qemus = (): number[] => pidsNaming(`${instancesDir}/`).filter((pid) => isQemu(pid));
  for (const pid of qemus()) process.kill(pid, 'SIGKILL');
  await until('the guests are gone', () => qemus().length === 0);
  const definitions = '/etc/libvirt/qemu';
  for (const name of existsSync(definitions) ? readdirSync(definitions) : []) {
    if (!name.endsWith('.xml')) continue;
    const file = join(definitions, name);
    if (readFileSync(file, 'utf8').includes(`${instancesDir}/`)) rmSync(file);
  }
}

const isQemu = (pid: number): boolean => {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('qemu-system');
  } catch {
    return false; // gone
  }
};
