export * from './config.js';
export * from './environment.js';
export { bodyOf, KeystoneSession } from './session.js';
export type { ServiceRequest } from './session.js';
export type { HttpAnswer } from './http.js';
