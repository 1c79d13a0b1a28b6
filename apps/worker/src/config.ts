import { keystoneConfigOf, keystoneEnvironment, storeConfigOf, storeEnvironment } from '@varve/adapters';
import type { ComputeConfig, HypervisorConfig, ImageServiceConfig, ObjectStoreConfig } from '@varve/adapters';
import { isHostName } from '@varve/core';
import type { HostName } from '@varve/core';
import { hostname } from 'node:os';
import { z } from 'zod';
import { publicSettings } from './public-settings.js';

const MIB = 1 << 20;
const seconds = (value: number) => z.coerce.number().positive().default(value);

/** The worker's settings, by the names of the environment variables. */
export const WorkerEnvironment = z.object({
  /** What the control plane calls this host; with Nova, what Nova calls it (`host` in its nova.conf). */
  VARVE_HOST: z.string().default(hostname()).refine(isHostName, 'a host name'),
  /** Absolute; holds `<instance uuid>/disk`. */
  VARVE_INSTANCES_DIR: z.string().startsWith('/'),
  /** `qmp`: QEMU processes that are described by an `instance.json`; `libvirt`: domains, Nova's or anybody's. */
  VARVE_HYPERVISOR: z.enum(['qmp', 'libvirt']).default('qmp'),
  VARVE_LIBVIRT_URI: z.string().min(1).default('qemu:///system'),
  /** Who starts and stops instances: `standalone`, we do; `nova`, Nova does. */
  VARVE_COMPUTE: z.enum(['standalone', 'nova']).default('standalone'),
  ...keystoneEnvironment,
  /** Absolute; what may be computed again lies here, e.g. the base images' digests. */
  VARVE_STATE_DIR: z.string().startsWith('/').default('/var/lib/varve'),
  VARVE_AMQP_URL: z.string().startsWith('amqp'),
  ...storeEnvironment,
  VARVE_MERGE_STRATEGY: z.enum(['auto', 'copy', 'in-place']).default('auto'),
  VARVE_MERGE_MIB_PER_S: z.coerce.number().nonnegative().default(0),
  /** Uploads, fetches and merges at once. */
  VARVE_TRANSFERS: z.coerce.number().int().min(1).max(64).default(2),
  /** How long an upload goes on trying while the store is away, before the snapshot counts as failed. */
  VARVE_UPLOAD_GIVE_UP_S: seconds(600),
  VARVE_ZSTD_LEVEL: z.coerce.number().int().min(1).max(19).default(1),
  VARVE_STOP_GRACE_S: z.coerce.number().nonnegative().default(60),
  VARVE_HEARTBEAT_S: seconds(10),
  VARVE_QUIESCE_DEADLINE_MS: z.coerce.number().int().min(100).default(5000),
  VARVE_SWITCH_DEADLINE_MS: z.coerce.number().int().min(100).default(30_000),
  /** Of the instances' file system; never used up by us. */
  VARVE_RESERVE_MIB: z.coerce.number().nonnegative().default(256),
  VARVE_LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
});

/** For tests alone, and so not among the settings: see halt.ts. */
const TestEnvironment = z.object({ VARVE_TEST_HALT_FILE: z.string().startsWith('/').optional() });

export interface WorkerConfig {
  readonly host: HostName;
  readonly instancesDir: string;
  readonly hypervisor: HypervisorConfig;
  readonly compute: ComputeConfig;
  /** Where there is Nova, there is Glance. */
  readonly images: ImageServiceConfig;
  readonly stateDir: string;
  readonly amqpUrl: string;
  readonly store: ObjectStoreConfig;
  readonly zstdLevel: number;
  readonly transfers: number;
  readonly uploadGiveUpMs: number;
  readonly heartbeatMs: number;
  readonly logLevel: string;
  /** What administrators are shown; nothing secret. */
  readonly settings: Readonly<Record<string, string>>;
  readonly haltFile: string | null;
  readonly procedures: {
    readonly mergeStrategy: 'auto' | 'copy' | 'in-place';
    readonly mergeBytesPerSecond: number;
    readonly switchDeadlineMs: number;
    readonly quiesceDeadlineMs: number;
    readonly reserveBytes: number;
    readonly stopGraceMs: number;
  };
}

function hypervisorOf(env: z.infer<typeof WorkerEnvironment>): HypervisorConfig {
  const instancesDir = env.VARVE_INSTANCES_DIR;
  switch (env.VARVE_HYPERVISOR) {
    case 'qmp':
      return { kind: 'qmp', instancesDir };
    case 'libvirt':
      return { kind: 'libvirt', instancesDir, uri: env.VARVE_LIBVIRT_URI };
  }
}

function computeOf(env: z.infer<typeof WorkerEnvironment>): ComputeConfig {
  switch (env.VARVE_COMPUTE) {
    case 'standalone':
      return env.VARVE_HYPERVISOR === 'libvirt'
        ? { kind: 'libvirt', instancesDir: env.VARVE_INSTANCES_DIR, uri: env.VARVE_LIBVIRT_URI }
        : { kind: 'standalone', instancesDir: env.VARVE_INSTANCES_DIR };
    case 'nova':
      return { kind: 'nova', keystone: keystoneConfigOf(env), host: env.VARVE_HOST };
  }
}

/** @throws {z.ZodError} naming each setting that is wrong */
export function parseWorkerConfig(environment: NodeJS.ProcessEnv): WorkerConfig {
  const env = WorkerEnvironment.parse(environment);
  return {
    host: env.VARVE_HOST,
    instancesDir: env.VARVE_INSTANCES_DIR,
    hypervisor: hypervisorOf(env),
    compute: computeOf(env),
    images: env.VARVE_COMPUTE === 'nova' ? { kind: 'glance', keystone: keystoneConfigOf(env) } : { kind: 'none' },
    stateDir: env.VARVE_STATE_DIR,
    amqpUrl: env.VARVE_AMQP_URL,
    store: storeConfigOf(env),
    zstdLevel: env.VARVE_ZSTD_LEVEL,
    transfers: env.VARVE_TRANSFERS,
    uploadGiveUpMs: env.VARVE_UPLOAD_GIVE_UP_S * 1000,
    heartbeatMs: env.VARVE_HEARTBEAT_S * 1000,
    logLevel: env.VARVE_LOG_LEVEL,
    settings: publicSettings(env),
    haltFile: TestEnvironment.parse(environment).VARVE_TEST_HALT_FILE ?? null,
    procedures: {
      mergeStrategy: env.VARVE_MERGE_STRATEGY,
      mergeBytesPerSecond: env.VARVE_MERGE_MIB_PER_S * MIB,
      switchDeadlineMs: env.VARVE_SWITCH_DEADLINE_MS,
      quiesceDeadlineMs: env.VARVE_QUIESCE_DEADLINE_MS,
      reserveBytes: env.VARVE_RESERVE_MIB * MIB,
      stopGraceMs: env.VARVE_STOP_GRACE_S * 1000,
    },
  };
}
