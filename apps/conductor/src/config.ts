import { keystoneConfigOf, keystoneEnvironment, storeConfigOf, storeEnvironment } from '@varve/adapters';
import type { KeystoneConfig, ObjectStoreConfig } from '@varve/adapters';
import { z } from 'zod';
import type { NovaQueueSettings } from './notifications/nova-queue.js';
import type { OsloSettings } from './notifications/oslo-notifier.js';

const amqpUrl = z.string().regex(/^amqps?:\/\//, 'an amqp:// url');
const seconds = (value: number) => z.coerce.number().positive().default(value);

/** The conductor's settings, by the names of the environment variables. The store's are the worker's. */
export const ConductorEnvironment = z.object({
  /** `postgres://user:password@host:port/database` */
  VARVE_DATABASE_URL: z.string().regex(/^postgres(ql)?:\/\//, 'a postgres:// url'),
  /** `amqp://user:password@host:port/vhost` */
  VARVE_AMQP_URL: amqpUrl,
  /** For probes and metrics. */
  VARVE_HTTP_HOST: z.string().default('127.0.0.1'),
  /** 0: a free one. */
  VARVE_HTTP_PORT: z.coerce.number().int().min(0).max(65_535).default(8781),
  /** Seconds without a word after which nothing is expected any more of a host, or of an instance on it: operations fail. */
  VARVE_HOST_GONE_AFTER_S: seconds(900),
  /** How long the conductor must have been able to hear hosts before it calls one gone. */
  VARVE_HOST_DOWN_AFTER_S: seconds(30),
  VARVE_SWEEP_INTERVAL_S: seconds(5),
  ...storeEnvironment,
  /** `nova`: what Nova says of its servers is kept up with. */
  VARVE_COMPUTE: z.enum(['standalone', 'nova']).default('standalone'),
  ...keystoneEnvironment,
  /** Where Nova's notifications are, `amqp://user:password@host:port/vhost`; without it Nova is asked now and then alone. */
  VARVE_NOVA_AMQP_URL: amqpUrl.optional(),
  VARVE_NOVA_EXCHANGE: z.string().min(1).default('nova'),
  /** With commas in between. */
  VARVE_NOVA_TOPICS: z.string().default('notifications,versioned_notifications'),
  VARVE_NOVA_QUEUE: z.string().min(1).default('varve.nova'),
  VARVE_RECONCILE_INTERVAL_S: seconds(300),
  /** How long the restore points of a deleted instance are kept. */
  VARVE_ORPHAN_KEEP_DAYS: z.coerce.number().nonnegative().default(30),
  /** Where our events go as oslo.messaging notifications as well; without it nowhere. */
  VARVE_OSLO_AMQP_URL: amqpUrl.optional(),
  VARVE_OSLO_EXCHANGE: z.string().min(1).default('varve'),
  VARVE_OSLO_TOPIC: z.string().min(1).default('notifications'),
  VARVE_LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
});

export interface NovaSettings {
  readonly keystone: KeystoneConfig;
  /** `null`: they are not heard. */
  readonly notifications: NovaQueueSettings | null;
  readonly reconcileIntervalS: number;
  readonly orphanKeepDays: number;
}

export interface ConductorConfig {
  readonly databaseUrl: string;
  readonly amqpUrl: string;
  readonly http: { readonly host: string; readonly port: number };
  readonly hostGoneAfterS: number;
  readonly hostDownAfterS: number;
  readonly sweepIntervalS: number;
  readonly store: ObjectStoreConfig;
  /** Absent: there is no Nova. */
  readonly nova?: NovaSettings | null;
  /** Absent: nobody is told in OpenStack's way. */
  readonly oslo?: OsloSettings | null;
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
    nova: env.VARVE_COMPUTE === 'nova' ? novaOf(env) : null,
    oslo: osloOf(env),
    logLevel: env.VARVE_LOG_LEVEL,
  };
}

function novaOf(env: z.output<typeof ConductorEnvironment>): NovaSettings {
  const notifications = env.VARVE_NOVA_AMQP_URL && {
    amqpUrl: env.VARVE_NOVA_AMQP_URL,
    exchange: env.VARVE_NOVA_EXCHANGE,
    topics: env.VARVE_NOVA_TOPICS.split(',').map((topic) => topic.trim()),
    queue: env.VARVE_NOVA_QUEUE,
  };
  return {
    keystone: keystoneConfigOf(env),
    notifications: notifications || null,
    reconcileIntervalS: env.VARVE_RECONCILE_INTERVAL_S,
    orphanKeepDays: env.VARVE_ORPHAN_KEEP_DAYS,
  };
}

function osloOf(env: z.output<typeof ConductorEnvironment>): OsloSettings | null {
  if (!env.VARVE_OSLO_AMQP_URL) return null;
  return { amqpUrl: env.VARVE_OSLO_AMQP_URL, exchange: env.VARVE_OSLO_EXCHANGE, topic: env.VARVE_OSLO_TOPIC };
}
