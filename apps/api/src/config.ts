import { z } from 'zod';

/** The API's settings, by the names of the environment variables. */
export const ApiEnvironment = z.object({
  /** `postgres://user:password@host:port/database` */
  VARVE_DATABASE_URL: z.string().regex(/^postgres(ql)?:\/\//, 'a postgres:// url'),
  VARVE_HTTP_HOST: z.string().default('127.0.0.1'),
  /** 0: a free one. */
  VARVE_HTTP_PORT: z.coerce.number().int().min(0).max(65_535).default(8780),
  VARVE_IDENTITY: z.enum(['static']).default('static'),
  /** Absolute; who may do what, see the README. */
  VARVE_TOKENS_FILE: z.string().startsWith('/'),
  /** Seconds without a heartbeat after which a host gets no new work. */
  VARVE_HOST_DOWN_AFTER_S: z.coerce.number().positive().default(30),
  VARVE_LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
});

export interface ApiConfig {
  readonly databaseUrl: string;
  readonly http: { readonly host: string; readonly port: number };
  readonly identity: { readonly kind: 'static'; readonly tokensFile: string };
  readonly hostDownAfterS: number;
  readonly logLevel: string;
}

/** @throws {z.ZodError} naming each setting that is wrong */
export function parseApiConfig(environment: NodeJS.ProcessEnv): ApiConfig {
  const env = ApiEnvironment.parse(environment);
  return {
    databaseUrl: env.VARVE_DATABASE_URL,
    http: { host: env.VARVE_HTTP_HOST, port: env.VARVE_HTTP_PORT },
    identity: { kind: env.VARVE_IDENTITY, tokensFile: env.VARVE_TOKENS_FILE },
    hostDownAfterS: env.VARVE_HOST_DOWN_AFTER_S,
    logLevel: env.VARVE_LOG_LEVEL,
  };
}
