export * from './compute.port.js';
export * from './disk-files.port.js';
export * from './hypervisor.port.js';
export * from './identity.port.js';
export * from './image-service.port.js';
export * from './layer-store.port.js';
export * from './object-store.port.js';
