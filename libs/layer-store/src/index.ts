export * from './config.js';
export { FRAME_BYTES } from './frames.js';
export * from './layer-keys.js';
export { decodeManifest, LayerManifestSchema } from './manifest.schema.js';
export { planParts } from './part-plan.js';
export type { PartPlan } from './part-plan.js';
export { decodeSeekTable, encodeSeekTable } from './seek-table.js';
export type { SeekEntry } from './seek-table.js';
export * from './zstd-layer-store.js';
