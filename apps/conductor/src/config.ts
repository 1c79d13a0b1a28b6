import { storeConfigOf, storeEnvironment } from '@varve/adapters';
import type { ObjectStoreConfig } from '@varve/adapters';
import { z } from 'zod';

const seconds = (value: number) => z.coerce.number().positive().default(value);

/** The conductor's settings, by the names of the environment variables. The store's are the worker's. */
export const ConductorEnvironment = z.object({
  /** `postgres://user:password@host:port/database` */
  VARVE_DATABASE_URL: z.string().regex(/^postgres(ql)?:\/\//, 'a postgres:// url'),
  /** `amqp://user:password@host:port/vhost` */
  VARVE_AMQP_URL: z.string().regex(/^amqps?:\/\//, 'an amqp:// url'),
  /** For probes and metrics. */
  VARVE_HTTP_HOST: z.string().default('127.0.0.1'),
  /** 0: a free one. */
  VARVE_HTTP_PORT: z.coerce.number().int().min(0).max(65_535).default(8781),
  /** Seconds without a heartbeat after which nothing is expected of a host any more, and its operations fail. */
  VARVE_HOST_GONE_AFTER_S: seconds(900),
  /** How long the conductor must have been able to hear hosts before it calls one gone. */
  VARVE_HOST_DOWN_AFTER_S: seconds(30),
  VARVE_SWEEP_INTERVAL_S: seconds(5),
  ...storeEnvironment,
  VARVE_LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
});

export interface ConductorConfig {
  readonly databaseUrl: string;
  readonly amqpUrl: string;
  readonly http: { readonly host: string; readonly port: number };
  readonly hostGoneAfterS: number;
  readonly hostDownAfterS: number;
  readonly sweepIntervalS: number;
  readonly store: ObjectStoreConfig;
  readonly logLevel: string;
}

/** @throws {z.ZodError} naming each setting that is wrong */
export function parseConductorConfig(environment: NodeJS.ProcessEnv): ConductorConfig {
  const env = ConductorEnvironment.parse(environment);
  return {
    databaseUrl: env.VARVE_DATABASE_URL,
    amqpUrl: env.VARVE_AMQP_URL,
    http: { host: env.VARVE_HTTP_HOST, port: env.VARVE_HTTP_PORT },
    hostGoneAfterS: env.VARVE_HOST_GONE_AFTER_S,
    hostDownAfterS: env.VARVE_HOST_DOWN_AFTER_S,
    sweepIntervalS: env.VARVE_SWEEP_INTERVAL_S,
    store: storeConfigOf(env),
    logLevel: env.VARVE_LOG_LEVEL,
  };
}
