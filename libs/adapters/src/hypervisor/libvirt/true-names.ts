import { join } from 'node:path';
import { inodeOrNull } from '../../disk-files/qemu-img/durable.js';
import { readQcow2Header } from '../../disk-files/qemu-img/qcow2-header.js';
import { ownInodes } from '../qmp/system-disk.js';
import { parseDomain } from './domain-xml.js';

/**
 * A domain's description in which the layer that it was started on goes by its permanent name.
 *
 * libvirt saves a domain's memory together with its idea of the disk, and goes by that when it restores it. After a
 * switch it calls the boot-time layer `disk` still, which leads to the active layer by then: QEMU would open that twice,
 * and the restore fails. Needs no libvirt: it is asked from libvirt's own hook.
 *
 * @returns `null` where nothing is to be changed
 */
export async function withTrueNames(xml: string, directory: string): Promise<string | null> {
  const disk = join(directory, 'disk');
  const own = await ownInodes(directory);
  for (const { images } of parseDomain(xml).disks) {
    const [active] = images;
    const stale = images.findIndex(({ path }, depth) => depth > 0 && path === disk);
    const inode = active?.path ? await inodeOrNull(active.path) : null;
    if (!active?.path || stale < 0 || active.path === disk || inode === null || !own.has(inode)) continue;
    let path: string | null = active.path;
    for (let depth = 0; depth < stale && path !== null; depth++) {
      path = (await readQcow2Header(path)).backing?.path ?? null;
    }
    if (path === null || path === disk || !own.has((await inodeOrNull(path)) ?? '')) return null;
    // Names of layers are made of ids and of the base image's name; a quote in that would end the attribute.
    if (/['&<]/.test(path)) return null;
    return xml.replaceAll(`<source file='${disk}'`, `<source file='${path}'`);
  }
  return null;
}
