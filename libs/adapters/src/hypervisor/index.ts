export * from './create-hypervisor.js';
export * from './hypervisor.module.js';
export { LibvirtHypervisor } from './libvirt/libvirt-hypervisor.js';
export type { LibvirtHypervisorOptions } from './libvirt/libvirt-hypervisor.js';
export { withTrueNames } from './libvirt/true-names.js';
export { InstanceFile } from './qmp/instance-directories.js';
export { QmpHypervisor } from './qmp/qmp-hypervisor.js';
export type { QmpHypervisorOptions } from './qmp/qmp-hypervisor.js';
