import type { Identity } from '@varve/ports';
import { z } from 'zod';
import { StaticIdentity } from './static/static-identity.js';

/** Tokens in a file. */
export const StaticIdentityConfig = z.object({
  kind: z.literal('static'),
  /** Absolute; `{ "tokens": [ { "token" or "sha256", "userId", "projectId", "role" } ] }` */
  tokensFile: z.string().startsWith('/'),
});
export type StaticIdentityConfig = z.infer<typeof StaticIdentityConfig>;

export const IdentityConfig = z.discriminatedUnion('kind', [StaticIdentityConfig]);
export type IdentityConfig = z.infer<typeof IdentityConfig>;

/** The configured identity service; touches nothing yet. */
export function createIdentity(config: IdentityConfig): Identity {
  switch (config.kind) {
    case 'static':
      return new StaticIdentity(config);
    default:
      throw new Error(`No such identity service: ${String(config.kind satisfies never)}`);
  }
}
