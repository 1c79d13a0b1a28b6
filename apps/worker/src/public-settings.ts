import type { z } from 'zod';
import type { WorkerEnvironment } from './config.js';

type Setting = keyof typeof WorkerEnvironment.shape;

/** What administrators are shown of a host. Listed by hand: a setting that is new is not shown until somebody says so. */
export const SHOWN = [
  'VARVE_HOST',
  'VARVE_INSTANCES_DIR',
  'VARVE_HYPERVISOR',
  'VARVE_LIBVIRT_URI',
  'VARVE_COMPUTE',
  'VARVE_OPENSTACK_REGION',
  'VARVE_OPENSTACK_INTERFACE',
  'VARVE_OPENSTACK_DEADLINE_S',
  'VARVE_STATE_DIR',
  'VARVE_STORE',
  'VARVE_STORE_PATH',
  'VARVE_STORE_MOUNT_REQUIRED',
  'VARVE_S3_REGION',
  'VARVE_S3_BUCKET',
  'VARVE_S3_DEADLINE_S',
  'VARVE_MERGE_STRATEGY',
  'VARVE_MERGE_MIB_PER_S',
  'VARVE_TRANSFERS',
  'VARVE_UPLOAD_GIVE_UP_S',
  'VARVE_ZSTD_LEVEL',
  'VARVE_STOP_GRACE_S',
  'VARVE_HEARTBEAT_S',
  'VARVE_QUIESCE_DEADLINE_MS',
  'VARVE_SWITCH_DEADLINE_MS',
  'VARVE_RESERVE_MIB',
  'VARVE_LOG_LEVEL',
] as const satisfies readonly Setting[];

/** Passwords, who logs in with them, and addresses, which may have a password in them. */
export const HIDDEN = [
  'VARVE_AMQP_URL',
  'VARVE_S3_ENDPOINT',
  'VARVE_S3_ACCESS_KEY',
  'VARVE_S3_SECRET_KEY',
  'VARVE_KEYSTONE_URL',
  'VARVE_KEYSTONE_USERNAME',
  'VARVE_KEYSTONE_PASSWORD',
  'VARVE_KEYSTONE_PROJECT',
  'VARVE_KEYSTONE_USER_DOMAIN',
  'VARVE_KEYSTONE_PROJECT_DOMAIN',
] as const satisfies readonly Setting[];

/** As the worker goes by them, defaults included; what is not set and has no default is left out. */
export function publicSettings(env: z.output<typeof WorkerEnvironment>): Record<string, string> {
  return Object.fromEntries(
    SHOWN.flatMap((name) => {
      const value = env[name];
      return value === undefined ? [] : [[name, String(value)]];
    }),
  );
}
