import { keystoneConfigOf, keystoneEnvironment } from '@varve/adapters';
import type { IdentityConfig } from '@varve/adapters';
import { z } from 'zod';

/** The API's settings, by the names of the environment variables. */
export const ApiEnvironment = z.object({
  /** `postgres://user:password@host:port/database` */
  VARVE_DATABASE_URL: z.string().regex(/^postgres(ql)?:\/\//, 'a postgres:// url'),
  VARVE_HTTP_HOST: z.string().default('127.0.0.1'),
  /** 0: a free one. */
  VARVE_HTTP_PORT: z.coerce.number().int().min(0).max(65_535).default(8780),
  VARVE_IDENTITY: z.enum(['static', 'keystone']).default('static'),
  /** Absolute; who has which token, see the README. For `static`. */
  VARVE_TOKENS_FILE: z.string().startsWith('/').optional(),
  /** Seconds; how late a revocation may take effect. For `keystone`. */
  VARVE_TOKEN_CACHE_S: z.coerce.number().min(0).max(3_600).default(30),
  ...keystoneEnvironment,
  /** Absolute; who may do what, instead of the defaults. */
  VARVE_POLICY_FILE: z.string().startsWith('/').optional(),
  /** Seconds without a heartbeat after which a host gets no new work. */
  VARVE_HOST_DOWN_AFTER_S: z.coerce.number().positive().default(30),
  /**
   * Who may show the dashboard in a frame, e.g. `'self' https://horizon.example`; as in a Content-Security-Policy. A
   * semicolon would begin another rule of it.
   */
  VARVE_FRAME_ANCESTORS: z
    .string()
    .regex(/^[^;,\r\n]+$/, 'sources with spaces between them')
    .default("'none'"),
  VARVE_LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
});

export interface ApiConfig {
  readonly databaseUrl: string;
  readonly http: { readonly host: string; readonly port: number };
  readonly identity: IdentityConfig;
  readonly policyFile?: string | undefined;
  readonly hostDownAfterS: number;
  readonly frameAncestors: string;
  readonly logLevel: string;
}

/** @throws {z.ZodError} naming each setting that is wrong */
export function parseApiConfig(environment: NodeJS.ProcessEnv): ApiConfig {
  const env = ApiEnvironment.parse(environment);
  return {
    databaseUrl: env.VARVE_DATABASE_URL,
    http: { host: env.VARVE_HTTP_HOST, port: env.VARVE_HTTP_PORT },
    identity: identityOf(env),
    policyFile: env.VARVE_POLICY_FILE,
    hostDownAfterS: env.VARVE_HOST_DOWN_AFTER_S,
    frameAncestors: env.VARVE_FRAME_ANCESTORS,
    logLevel: env.VARVE_LOG_LEVEL,
  };
}

function identityOf(env: z.output<typeof ApiEnvironment>): IdentityConfig {
  switch (env.VARVE_IDENTITY) {
    case 'keystone':
      return { kind: 'keystone', keystone: keystoneConfigOf(env), cacheMs: env.VARVE_TOKEN_CACHE_S * 1000 };
    case 'static':
      return { kind: 'static', tokensFile: z.object({ VARVE_TOKENS_FILE: z.string() }).parse(env).VARVE_TOKENS_FILE };
  }
}
