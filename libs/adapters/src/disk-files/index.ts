export * from './create-disk-files.js';
export * from './disk-files.module.js';
export { QemuImgDiskFiles } from './qemu-img/qemu-img-disk-files.js';
export type { QemuImgDiskFilesOptions } from './qemu-img/qemu-img-disk-files.js';
