import type { DiskFiles } from '@varve/ports';
import { z } from 'zod';
import { QemuImgDiskFiles } from './qemu-img/qemu-img-disk-files.js';

/** qcow2 files in instance directories on this host. */
export const QemuImgDiskFilesConfig = z.object({
  kind: z.literal('qemu-img'),
  /** Absolute; holds `<instance uuid>/disk`. */
  instancesDir: z.string().startsWith('/'),
  /** Absolute; a small cache lies there, which may be lost. Has to be there when a base image is first looked at. */
  stateDir: z.string().startsWith('/'),
  /** Absolute; where base images are kept for all instances. `<instancesDir>/_base` by default, as Nova has them. */
  basesDir: z.string().startsWith('/').optional(),
});
export type QemuImgDiskFilesConfig = z.infer<typeof QemuImgDiskFilesConfig>;

export const DiskFilesConfig = z.discriminatedUnion('kind', [QemuImgDiskFilesConfig]);
export type DiskFilesConfig = z.infer<typeof DiskFilesConfig>;

/** The configured disk files; touches nothing yet. */
export function createDiskFiles(config: DiskFilesConfig): DiskFiles {
  switch (config.kind) {
    case 'qemu-img':
      return new QemuImgDiskFiles({
        instancesDir: config.instancesDir,
        stateDir: config.stateDir,
        ...(config.basesDir !== undefined && { basesDir: config.basesDir }),
      });
    default:
      throw new Error(`No such disk files: ${String(config.kind satisfies never)}`);
  }
}
