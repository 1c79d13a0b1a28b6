import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createDiskFiles, createHypervisor } from '@varve/adapters';
import type { InstanceId } from '@varve/core';
import { MAX_OWN_LAYERS, ServiceError } from '@varve/core';
import type { DiskFiles, Hypervisor, InstanceDescription } from '@varve/ports';
import { printable } from '../../terminal.js';
import type { Check, Finding } from '../finding.js';
import { fail, messageOf, ok, skip, warn } from '../finding.js';

/** The most instances that are each told of; the others are told of together when nothing is wrong with them. */
const EACH = 20;

/** What the worker would find: the instances, whether their monitors answer, and whether we can do their disks. */
export const instances: Check = {
  name: 'instances',
  async run({ instancesDir, stateDir, hypervisor: kind, libvirtUri }) {
    if (instancesDir === null || stateDir === null) return [skip('instances', 'VARVE_INSTANCES_DIR is not set')];
    const findings: Finding[] = [];
    const hypervisor = createHypervisor({
      ...(kind === 'libvirt' && libvirtUri !== null
        ? { kind, instancesDir, uri: libvirtUri }
        : { kind: 'qmp', instancesDir }),
      onUnreadable: (id, error) => {
        findings.push(
          fail(`instance ${id}`, { found: messageOf(error), advice: 'Mend its instance.json and its QMP socket.' }),
        );
      },
    });
    const files = createDiskFiles({ kind: 'qemu-img', instancesDir, stateDir });
    const found = await hypervisor.list();
    for (const instance of found) {
      findings.push(await look(instance, join(instancesDir, instance.id), hypervisor, files));
    }
    if (findings.length === 0) return [ok('instances', 'there are none here')];
    if (findings.length <= EACH) return findings;
    const fine = findings.filter(({ status }) => status === 'ok').length;
    return [
      ...(fine ? [ok('instances', `${fine} can be done`)] : []),
      ...findings.filter(({ status }) => status !== 'ok'),
    ];
  },
};

async function look(
  { id, name, state }: InstanceDescription,
  directory: string,
  hypervisor: Hypervisor,
  files: DiskFiles,
): Promise<Finding> {
  const check = `instance ${printable(name)}`;
  try {
    const [own, open] = [await files.findChain(id), await hypervisor.openLayers(id)];
    const found = `${state}, ${own.length} own layers (${id})`;
    if (own.length > MAX_OWN_LAYERS) {
      const advice = 'Somebody else made layers. Merge them with that tool, while the instance is stopped.';
      return warn(check, { found, advice });
    }
    if (open !== null && !(await isLocked(directory))) {
      return fail(check, {
        found: `${found}; QEMU runs, and its lock on the disk does not show in /proc/locks`,
        advice: 'Is the worker in another PID namespace (a container), or was QEMU started with locking=off?',
      });
    }
    const denied = await cannotOwn(directory, id);
    return denied ?? ok(check, found);
  } catch (error) {
    const found = `${state}: ${messageOf(error)} (${id})`;
    if (error instanceof ServiceError && error.code.startsWith('disk_')) {
      return warn(check, { found, advice: 'No snapshots of this one; the others are not affected.' });
    }
    return fail(check, { found, advice: 'The worker can’t look at this instance as this user; see the message.' });
  }
}

/** By inode alone: some file systems show another device number in /proc/locks. */
async function isLocked(directory: string): Promise<boolean> {
  const { ino } = await stat(join(directory, 'disk'), { bigint: true });
  const lines = (await readFile('/proc/locks', 'utf8')).split('\n');
  return lines.some((line) => line.trim().split(/\s+/)[5]?.endsWith(`:${ino}`));
}

/** New files get the owner of the instance directory, which takes root, or being that owner. */
async function cannotOwn(directory: string, id: InstanceId): Promise<Finding | null> {
  const { uid } = await stat(directory);
  const me = process.geteuid?.() ?? 0;
  if (me === 0 || me === uid) return null;
  return fail(`instance ${id}`, {
    found: `its directory belongs to user ${uid}, this is user ${me}`,
    advice: 'Run the worker as root or as the owner of the instances: Nova and QEMU must be able to use what it makes.',
  });
}
