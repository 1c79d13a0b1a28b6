import { execFile, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Where a libvirtd that runs as root keeps what it knows: no setting changes that, so each has its own mounts there. */
const PLACES = {
  run: '/run/libvirt',
  lib: '/var/lib/libvirt',
  log: '/var/log/libvirt',
  cache: '/var/cache/libvirt',
  etc: '/etc/libvirt',
};

export interface PrivateLibvirtd {
  readonly uri: string;
  virsh(...args: string[]): Promise<string>;
  /** Ends the daemon, does the work, and starts it again; the domains go on. */
  away<T>(work: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/**
 * A real libvirtd beside whichever the machine may have, as root like that of a hypervisor host, in a mount namespace of
 * its own. Its QEMUs run as `libvirt-qemu` where there is such a user.
 */
export async function startPrivateLibvirtd(root: string, asUser = 'libvirt-qemu'): Promise<PrivateLibvirtd> {
  const at = (place: keyof typeof PLACES) => join(root, 'libvirt', place);
  for (const [place, path] of Object.entries(PLACES)) {
    await mkdir(at(place as keyof typeof PLACES), { recursive: true });
    await mkdir(path, { recursive: true });
  }
  await mkdir(join(at('etc'), 'qemu'));
  await writeFile(join(at('etc'), 'libvirtd.conf'), 'auth_unix_rw = "none"\nauth_unix_ro = "none"\n');
  const user = new RegExp(`^${asUser}:`, 'm').test(await readFile('/etc/passwd', 'utf8')) ? asUser : 'root';
  await writeFile(
    join(at('etc'), 'qemu.conf'),
    [
      `user = "${user}"`,
      'stdio_handler = "file"', // no virtlogd
      'namespaces = []',
      'cgroup_controllers = []',
      'security_driver = "none"',
      '',
    ].join('\n'),
  );
  const uri = `qemu:///system?socket=${join(at('run'), 'libvirt-sock')}`;
  const virsh = async (...args: string[]): Promise<string> => {
    const { stdout } = await run('virsh', ['--quiet', '--connect', uri, ...args], {
      env: { ...process.env, LC_ALL: 'C' },
    });
    return stdout;
  };

  const launch = async () => {
    const mounts = Object.entries(PLACES).map(
      ([place, path]) => `mount --bind ${at(place as keyof typeof PLACES)} ${path}`,
    );
    const daemon = 'exec libvirtd --config /etc/libvirt/libvirtd.conf --pid-file /run/libvirt/private.pid';
    const script = [...mounts, daemon].join(' && ');
    // It ends with this process, however that ends.
    const namespace = ['unshare', '--mount', '--propagation', 'private'];
    const log = openSync(join(at('log'), 'libvirtd.log'), 'a');
    const child = spawn('setpriv', ['--pdeathsig', 'TERM', '--', ...namespace, 'sh', '-c', script], {
      stdio: ['ignore', log, log],
      detached: true,
    });
    closeSync(log);
    const exited = new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    });
    const deadline = performance.now() + 120_000;
    for (;;) {
      try {
        await virsh('list');
        return { child, exited };
      } catch (error) {
        if (child.exitCode !== null || performance.now() > deadline) {
          const said = await readFile(join(at('log'), 'libvirtd.log'), 'utf8');
          throw new Error(`no private libvirtd: ${said.slice(-2_000)}`, { cause: error });
        }
        await delay(50);
      }
    }
  };
  let daemon = await launch();
  const end = async () => {
    daemon.child.kill('SIGTERM');
    await daemon.exited;
  };
  return {
    uri,
    virsh,
    away: async (work) => {
      await end();
      try {
        return await work();
      } finally {
        daemon = await launch();
      }
    },
    close: async () => {
      await end();
      await rm(join(root, 'libvirt'), { recursive: true, force: true });
    },
  };
}
