import { z } from 'zod';
import { KeystoneConfig } from './config.js';

/** Keystone's settings, by the names of the environment variables; part of every app's that reaches OpenStack. */
export const keystoneEnvironment = {
  VARVE_KEYSTONE_URL: z.string().optional(),
  VARVE_KEYSTONE_USERNAME: z.string().optional(),
  VARVE_KEYSTONE_PASSWORD: z.string().optional(),
  VARVE_KEYSTONE_PROJECT: z.string().default('service'),
  VARVE_KEYSTONE_USER_DOMAIN: z.string().default('Default'),
  VARVE_KEYSTONE_PROJECT_DOMAIN: z.string().default('Default'),
  VARVE_OPENSTACK_REGION: z.string().optional(),
  VARVE_OPENSTACK_INTERFACE: z.enum(['public', 'internal', 'admin']).default('public'),
  VARVE_OPENSTACK_DEADLINE_S: z.coerce.number().positive().default(15),
};
const KeystoneEnvironment = z.object(keystoneEnvironment);

const VARIABLES: Readonly<Record<string, keyof typeof keystoneEnvironment>> = {
  url: 'VARVE_KEYSTONE_URL',
  username: 'VARVE_KEYSTONE_USERNAME',
  password: 'VARVE_KEYSTONE_PASSWORD',
  project: 'VARVE_KEYSTONE_PROJECT',
  userDomain: 'VARVE_KEYSTONE_USER_DOMAIN',
  projectDomain: 'VARVE_KEYSTONE_PROJECT_DOMAIN',
  timeoutMs: 'VARVE_OPENSTACK_DEADLINE_S',
};

/** @throws {z.ZodError} naming the variable that is missing or wrong */
export function keystoneConfigOf(env: z.output<typeof KeystoneEnvironment>): KeystoneConfig {
  const parsed = KeystoneConfig.safeParse({
    url: env.VARVE_KEYSTONE_URL,
    username: env.VARVE_KEYSTONE_USERNAME,
    password: env.VARVE_KEYSTONE_PASSWORD,
    project: env.VARVE_KEYSTONE_PROJECT,
    userDomain: env.VARVE_KEYSTONE_USER_DOMAIN,
    projectDomain: env.VARVE_KEYSTONE_PROJECT_DOMAIN,
    region: env.VARVE_OPENSTACK_REGION ?? null,
    interface: env.VARVE_OPENSTACK_INTERFACE,
    timeoutMs: Math.round(env.VARVE_OPENSTACK_DEADLINE_S * 1000),
  });
  if (parsed.success) return parsed.data;
  const named = (path: readonly PropertyKey[]): PropertyKey[] => path.map((key) => VARIABLES[String(key)] ?? key);
  throw new z.ZodError(parsed.error.issues.map((issue) => ({ ...issue, path: named(issue.path) })));
}
