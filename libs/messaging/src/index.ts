export * from './broker.js';
export * from './consumer.js';
export * from './publisher.js';
export * from './topology.js';
export type { Log } from './log.js';
