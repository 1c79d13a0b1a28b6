export * from './chain.js';
export * from './compute-state.js';
export * from './errors.js';
export * from './ids.js';
export * from './json.js';
export * from './lineage.js';
export * from './manifest.js';
export * from './restore-plan.js';
