export * from './compute.module.js';
export * from './create-compute.js';
export { StandaloneCompute } from './standalone/standalone-compute.js';
export type { StandaloneComputeOptions } from './standalone/standalone-compute.js';
