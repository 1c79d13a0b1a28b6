import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { Check, Finding } from '../finding.js';
import { codeOf, fail, messageOf, ok, skip, warn } from '../finding.js';

const run = promisify(execFile);

/** Who we are here: for files of several owners, for libvirt's socket, and for the passwords in the settings. */
export const permissions: Check = {
  name: 'permissions',
  async run({ instancesDir, hypervisor, libvirtUri, settingsFile, process: kind }) {
    const findings: Finding[] = [];
    if (settingsFile !== null) findings.push(await secrets(settingsFile));
    if (kind !== 'worker') return findings;
    findings.push(await owners(instancesDir));
    if (hypervisor === 'libvirt' && libvirtUri !== null) findings.push(await libvirt(libvirtUri));
    return findings;
  },
};

async function secrets(file: string): Promise<Finding> {
  const { mode } = await stat(file);
  if ((mode & 0o077) === 0) return ok('settings file', `${file} is its owner’s alone`);
  return warn('settings file', {
    found: `${file} has passwords, and mode ${(mode & 0o777).toString(8)}`,
    advice: `chmod 0600 ${file}`,
  });
}

async function owners(instancesDir: string | null): Promise<Finding> {
  if (instancesDir === null) return skip('permissions', 'VARVE_INSTANCES_DIR is not set');
  let owner: number;
  try {
    owner = (await stat(instancesDir)).uid;
  } catch (error) {
    return skip('permissions', `${instancesDir}: ${codeOf(error) ?? messageOf(error)}`);
  }
  return judgeOwner(process.geteuid?.() ?? 0, owner, instancesDir);
}

export function judgeOwner(me: number, owner: number, instancesDir: string): Finding {
  if (me === 0) return ok('permissions', `root; ${instancesDir} belongs to user ${owner}`);
  if (me === owner) {
    return warn('permissions', {
      found: `user ${me}, whose ${instancesDir} is`,
      advice:
        'Enough where QEMU runs as the same user. libvirt gives disks to a user of its own (libvirt-qemu): there the ' +
        'worker has to be root.',
    });
  }
  return fail('permissions', {
    found: `user ${me}; ${instancesDir} belongs to user ${owner}`,
    advice: 'Run the worker (and the doctor) as root: it links files of several owners.',
  });
}

async function libvirt(uri: string): Promise<Finding> {
  try {
    const { stdout } = await run('virsh', ['-c', uri, 'version', '--daemon'], { timeout: 15_000 });
    const version = /daemon: *(\S+)/i.exec(stdout)?.[1] ?? 'of a version that it does not tell';
    return ok('libvirt', `${uri}, libvirt ${version}`);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') {
      return fail('libvirt', {
        found: 'there is no virsh',
        advice: 'Install libvirt-clients (Debian), libvirt-client.',
      });
    }
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : messageOf(error);
    return fail('libvirt', {
      found: `${uri}: ${said}`,
      advice:
        'Check VARVE_LIBVIRT_URI and that libvirtd (or virtqemud) runs. Its socket is for root and the group libvirt; in ' +
        'a container, give the worker the host’s /run/libvirt.',
    });
  }
}
