export * from './compute.module.js';
export * from './create-compute.js';
export { StandaloneCompute } from './standalone/standalone-compute.js';
export type { StandaloneComputeOptions } from './standalone/standalone-compute.js';
export { LibvirtCompute } from './libvirt/libvirt-compute.js';
export type { LibvirtComputeOptions } from './libvirt/libvirt-compute.js';
export { NovaCompute } from './nova/nova-compute.js';
export type { NovaComputeOptions } from './nova/nova-compute.js';
