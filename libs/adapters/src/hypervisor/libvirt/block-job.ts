import type { InstanceId } from '@varve/core';
import type { Domain } from './domain-xml.js';
import { isWrittenBy, likelyFilesOf } from './libvirt-disk.js';
import type { LibvirtDisk } from './libvirt-disk.js';
import type { Virsh } from './virsh.js';

/** A block job on the system disk, as `virsh blockjob --raw` has it. */
export interface BlockJob {
  readonly type: string;
  readonly doneBytes: number;
  readonly totalBytes: number;
}

/** @returns `null`: none */
export async function blockJobOf(virsh: Virsh, instance: InstanceId, target: string): Promise<BlockJob | null> {
  const text = await virsh.run('blockjob', [instance, target, '--raw']);
  const fields = new Map([...text.matchAll(/^\s*(\w+)=(.*)$/gm)].map(([, key = '', value = '']) => [key, value]));
  const type = fields.get('type');
  if (type === undefined) return null;
  return { type, doneBytes: Number(fields.get('cur') ?? 0), totalBytes: Number(fields.get('end') ?? 0) };
}

/**
 * libvirt's jobs have no names. Ours is known by what it does: it commits into a layer of the instance that QEMU has by
 * its permanent name. Nobody else has layers to do that with.
 */
export async function isOurs(job: BlockJob, disk: LibvirtDisk): Promise<boolean> {
  if (job.type !== 'Block Commit') return false;
  const files = await likelyFilesOf(disk);
  for (const [depth, { path }] of disk.images.entries()) {
    if (depth >= 2 && path === files[depth] && (await isWrittenBy(disk, path))) return true;
  }
  return false;
}

/** @returns what somebody else does with the running disk; `null`: nothing */
export async function foreignJobOf(
  virsh: Virsh,
  instance: InstanceId,
  domain: Domain,
  disk: LibvirtDisk,
): Promise<string | null> {
  if (disk.mirror !== null) return `block ${disk.mirror}`;
  const job = await blockJobOf(virsh, instance, disk.target);
  if (job && !(await isOurs(job, disk))) return job.type;
  // A migration, a managed save, a dump, a backup.
  const type = /^Job type:\s*(.*?)\s*$/m.exec(await virsh.run('domjobinfo', [instance]))?.[1];
  if (type !== undefined && type !== 'None') return `${type} job of the domain`;
  // Nova undefines a domain for as long as it copies its disk for an image; libvirt then refuses what needs a definition.
  if (domain.owner?.by === 'nova' && (await virsh.uuids('--transient')).includes(instance)) {
    return 'the domain has no definition for the moment, as while Nova makes an image';
  }
  return null;
}
