import type { Identity } from '@varve/ports';
import { z } from 'zod';
import { KeystoneConfig, KeystoneSession } from '../openstack/index.js';
import { KeystoneIdentity } from './keystone/keystone-identity.js';
import { StaticIdentity } from './static/static-identity.js';

/** Tokens in a file. */
export const StaticIdentityConfig = z.object({
  kind: z.literal('static'),
  /** Absolute; `{ "tokens": [ { "token" or "sha256", "userId", "projectId", "role" } ] }` */
  tokensFile: z.string().startsWith('/'),
});
export type StaticIdentityConfig = z.infer<typeof StaticIdentityConfig>;

/** Tokens of Keystone. */
export const KeystoneIdentityConfig = z.object({
  kind: z.literal('keystone'),
  keystone: KeystoneConfig,
  /** Milliseconds; how late a revocation may take effect. */
  cacheMs: z.number().int().min(0).default(30_000),
});
export type KeystoneIdentityConfig = z.infer<typeof KeystoneIdentityConfig>;

export const IdentityConfig = z.discriminatedUnion('kind', [StaticIdentityConfig, KeystoneIdentityConfig]);
export type IdentityConfig = z.infer<typeof IdentityConfig>;

/** The configured identity service; touches nothing yet. */
export function createIdentity(config: IdentityConfig): Identity {
  switch (config.kind) {
    case 'static':
      return new StaticIdentity(config);
    case 'keystone':
      return new KeystoneIdentity({ session: new KeystoneSession(config.keystone), cacheMs: config.cacheMs });
    default:
      throw new Error(`No such identity service: ${String(config satisfies never)}`);
  }
}
