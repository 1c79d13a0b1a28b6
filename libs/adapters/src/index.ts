export * from './compute/index.js';
export * from './disk-files/index.js';
export * from './hypervisor/index.js';
export * from './identity/index.js';
export * from './image-service/index.js';
export * from './object-store/index.js';
export * from './openstack/index.js';
