import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { keystoneConfigOf, keystoneEnvironment, storeConfigOf, storeEnvironment } from '@varve/adapters';
import type { KeystoneConfig, ObjectStoreConfig } from '@varve/adapters';
import { HostNameSchema } from '@varve/contracts';
import type { HostName } from '@varve/core';
import { z } from 'zod';
import type { Environment } from '../settings.js';
import { parseEnvironmentFile } from './env-file.js';
import type { Finding } from './finding.js';
import { codeOf, fail, ok, warn } from './finding.js';
import type { ProcessName } from './processes.js';

/** A process's settings as far as the doctor needs them; `null` where one is missing, wrong, or not that process's. */
export interface HostSettings {
  readonly process: ProcessName;
  /** Where they were read from. */
  readonly settingsFile: string | null;
  readonly host: HostName | null;
  readonly instancesDir: string | null;
  readonly stateDir: string | null;
  readonly hypervisor: 'qmp' | 'libvirt' | null;
  readonly libvirtUri: string | null;
  readonly compute: 'standalone' | 'nova' | null;
  /** Only where something is asked of OpenStack. */
  readonly keystone: KeystoneConfig | null;
  readonly amqpUrl: string | null;
  readonly novaBroker: {
    readonly amqpUrl: string;
    readonly exchange: string;
    readonly queue: string;
    readonly topics: readonly string[];
  } | null;
  readonly store: ObjectStoreConfig | null;
  /** Of the API, if given: only for its clock. */
  readonly apiUrl: string | null;
}

/** Its environment as it would be, and where that is from. */
export interface ReadSettings {
  readonly env: Environment;
  /** `null`: from the environment alone. */
  readonly file: string | null;
  readonly finding: Finding;
}

/**
 * A process's environment file, and over it the environment of this process, as in a unit with both.
 *
 * @param named - `null`: the usual place, where the file may also be missing
 */
export async function readEnvironment(
  named: string | null,
  env: Environment,
  process: ProcessName = 'worker',
): Promise<ReadSettings> {
  const file = named ?? `/etc/varve/${process}.env`;
  try {
    const read = parseEnvironmentFile(await readFile(file, 'utf8'));
    return { env: { ...read, ...env }, file, finding: ok('settings', `read from ${file} and the environment`) };
  } catch (error) {
    if (named === null && codeOf(error) === 'ENOENT') {
      return { env, file: null, finding: ok('settings', `read from the environment; there is no ${file}`) };
    }
    const advice =
      codeOf(error) === 'EACCES' ? 'Run the doctor as the user that the worker runs as.' : 'Check --settings.';
    const found = `${file} can't be read: ${codeOf(error) ?? String(error)}`;
    return { env, file: null, finding: fail('settings', { found, advice }) };
  }
}

const Directory = z.string().startsWith('/', 'an absolute path');

/** Reads each setting by itself, so that one that is wrong does not hide what can be said about the others. */
export function settingsFrom(
  env: Environment,
  { process = 'worker', file = null }: { process?: ProcessName; file?: string | null } = {},
): { settings: HostSettings; findings: Finding[] } {
  const findings: Finding[] = [];
  const read = <T>(name: string, schema: z.ZodType<T>, what: string): T | null => {
    const parsed = schema.safeParse(env[name]);
    if (parsed.success) return parsed.data;
    const found = env[name] ? `${name} is not usable: ${parsed.error.issues[0]?.message ?? ''}` : `${name} is not set`;
    findings.push(fail('settings', { found, advice: `Set ${name} to ${what}.` }));
    return null;
  };
  const of = <T>(processes: readonly ProcessName[], value: () => T): T | null =>
    processes.includes(process) ? value() : null;
  const compute = of(['worker', 'conductor'], () =>
    read('VARVE_COMPUTE', z.enum(['standalone', 'nova']).default('standalone'), 'standalone or nova'),
  );
  const asksKeystone = process === 'api' ? env['VARVE_IDENTITY'] === 'keystone' : compute === 'nova';
  const settings: HostSettings = {
    process,
    settingsFile: file,
    host: of(['worker'], () =>
      read(
        'VARVE_HOST',
        HostNameSchema.default(() => hostname() as HostName),
        'the name that this host has in the catalog',
      ),
    ),
    instancesDir: of(['worker'], () =>
      read('VARVE_INSTANCES_DIR', Directory, 'the directory that holds a directory per instance'),
    ),
    stateDir: of(['worker'], () =>
      read('VARVE_STATE_DIR', Directory.default('/var/lib/varve'), 'a directory of the worker’s own'),
    ),
    hypervisor: of(['worker'], () =>
      read('VARVE_HYPERVISOR', z.enum(['qmp', 'libvirt']).default('qmp'), 'qmp or libvirt'),
    ),
    libvirtUri: of(['worker'], () =>
      read('VARVE_LIBVIRT_URI', z.string().min(1).default('qemu:///system'), 'the connection that Nova uses'),
    ),
    compute,
    keystone: asksKeystone ? openStackFrom(env, findings) : null,
    amqpUrl: of(['worker', 'conductor'], () => read('VARVE_AMQP_URL', AmqpUrl, 'amqp://user:password@host:5672/vhost')),
    novaBroker: of(['conductor'], () => novaBrokerFrom(env, read)),
    store: of(['worker', 'conductor'], () => storeFrom(env, findings)),
    apiUrl: env['VARVE_URL'] ?? null,
  };
  if (settings.amqpUrl && new URL(settings.amqpUrl).username === '') {
    findings.push(
      warn('settings', {
        found:
          'VARVE_AMQP_URL has no user: RabbitMQ takes it for "guest", which may only log in from the broker itself',
        advice: 'Give the worker a user of its own.',
      }),
    );
  }
  return { settings, findings };
}

const AmqpUrl = z.string().refine((url) => /^amqps?:$/.test(URL.parse(url)?.protocol ?? ''), 'an amqp:// address');

const StoreEnvironment = z.object(storeEnvironment).transform((given, context) => {
  try {
    return storeConfigOf(given);
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    for (const { path, message } of error.issues) context.addIssue({ code: 'custom', path: [...path], message });
    return z.NEVER;
  }
});

function novaBrokerFrom(
  env: Environment,
  read: <T>(name: string, schema: z.ZodType<T>, what: string) => T | null,
): HostSettings['novaBroker'] {
  if (!env['VARVE_NOVA_AMQP_URL']) return null;
  const amqpUrl = read('VARVE_NOVA_AMQP_URL', AmqpUrl, 'the broker and vhost of Nova’s notifications');
  if (amqpUrl === null) return null;
  return {
    amqpUrl,
    exchange: env['VARVE_NOVA_EXCHANGE'] ?? 'nova',
    queue: env['VARVE_NOVA_QUEUE'] ?? 'varve.nova',
    topics: (env['VARVE_NOVA_TOPICS'] ?? 'notifications,versioned_notifications').split(',').map((one) => one.trim()),
  };
}

const OpenStackEnvironment = z.object(keystoneEnvironment).transform((given, context) => {
  try {
    return keystoneConfigOf(given);
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    for (const { path, message } of error.issues) context.addIssue({ code: 'custom', path: [...path], message });
    return z.NEVER;
  }
});

function openStackFrom(env: Environment, findings: Finding[]): KeystoneConfig | null {
  const parsed = OpenStackEnvironment.safeParse(env);
  if (parsed.success) return parsed.data;
  for (const { path, message } of parsed.error.issues) {
    const name = String(path[0]);
    const found = env[name] ? `${name} is not usable: ${message}` : `${name} is not set`;
    findings.push(fail('settings', { found, advice: 'The service user: see docs/openstack/deploy.md, section 1.' }));
  }
  return null;
}

function storeFrom(env: Environment, findings: Finding[]): ObjectStoreConfig | null {
  const parsed = StoreEnvironment.safeParse(env);
  if (parsed.success) return parsed.data;
  for (const { path, message } of parsed.error.issues) {
    const name = String(path[0]);
    findings.push(
      fail('settings', {
        found: env[name] ? `${name} is not usable: ${message}` : `${name} is not set`,
        advice:
          'VARVE_STORE is filesystem (with VARVE_STORE_PATH) or s3 (with VARVE_S3_ENDPOINT, _BUCKET, _ACCESS_KEY, _SECRET_KEY).',
      }),
    );
  }
  return null;
}
