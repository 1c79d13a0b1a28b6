export * from './create-identity.js';
export * from './identity.module.js';
export { StaticIdentity, TokensFile } from './static/static-identity.js';
export type { StaticIdentityOptions } from './static/static-identity.js';
