export * from './config.js';
export * from './environment.js';
export { bodyOf, KeystoneSession } from './session.js';
export type { ServiceRequest } from './session.js';
export type { HttpAnswer } from './http.js';
export { NovaApi } from './nova-api.js';
export type { ActionAnswer, ComputeHost, NovaAction, NovaServer } from './nova-api.js';
