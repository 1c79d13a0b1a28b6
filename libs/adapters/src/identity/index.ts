export * from './create-identity.js';
export * from './identity.module.js';
export { StaticIdentity, TokensFile } from './static/static-identity.js';
export type { StaticIdentityOptions } from './static/static-identity.js';
export { KeystoneIdentity } from './keystone/keystone-identity.js';
export type { KeystoneIdentityOptions } from './keystone/keystone-identity.js';
