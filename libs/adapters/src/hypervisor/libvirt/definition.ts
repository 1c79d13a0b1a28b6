import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { InstanceId } from '@varve/core';
import { diskElementFor } from './disk-definition.js';
import type { Virsh } from './virsh.js';

/**
 * Makes the domain's definition say `<instance>/disk` again. libvirt changes it with every switch, to the overlay's own
 * name and the names of all layers below; started from that, the domain would not find layers that were merged, and
 * would open the wrong file where a name is stale. Only to be called when `disk` leads to the active layer.
 *
 * One device of the definition is replaced, not the whole: Nova may write the rest at any time.
 */
export async function mendDefinition(
  virsh: Virsh,
  instance: InstanceId,
  target: string,
  diskPath: string,
): Promise<void> {
  // A transient domain has no definition. Nova gives one back when it is done.
  if (!(await virsh.uuids('--all', '--persistent')).includes(instance)) return;
  const xml = await virsh.run('dumpxml', [instance, '--inactive', '--security-info']);
  const element = diskElementFor(xml, target, diskPath);
  if (element === null) return;
  const directory = await mkdtemp(join(tmpdir(), 'varve-disk-'));
  try {
    const file = join(directory, 'disk.xml');
    await writeFile(file, element, { mode: 0o600 });
    await virsh.run('update-device', [instance, file, '--config']);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
