import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { storeConfigOf, storeEnvironment } from '@varve/adapters';
import type { ObjectStoreConfig } from '@varve/adapters';
import { HostNameSchema } from '@varve/contracts';
import type { HostName } from '@varve/core';
import { z } from 'zod';
import type { Environment } from '../settings.js';
import { parseEnvironmentFile } from './env-file.js';
import type { Finding } from './finding.js';
import { codeOf, fail, ok, warn } from './finding.js';

/** The worker's settings as far as the doctor needs them; `null` where one is missing or wrong. */
export interface HostSettings {
  readonly host: HostName | null;
  readonly instancesDir: string | null;
  readonly stateDir: string | null;
  readonly hypervisor: 'qmp' | 'libvirt' | null;
  readonly amqpUrl: string | null;
  readonly store: ObjectStoreConfig | null;
  /** Of the API, if given: only for its clock. */
  readonly apiUrl: string | null;
}

export const WORKER_ENVIRONMENT_FILE = '/etc/varve/worker.env';

/**
 * The worker's environment file, and over it the environment of this process, as in a unit with both.
 *
 * @param named - `null`: the usual place, where the file may also be missing
 */
export async function readEnvironment(named: string | null, env: Environment): Promise<[Environment, Finding]> {
  const file = named ?? WORKER_ENVIRONMENT_FILE;
  try {
    const read = parseEnvironmentFile(await readFile(file, 'utf8'));
    return [{ ...read, ...env }, ok('settings', `read from ${file} and the environment`)];
  } catch (error) {
    if (named === null && codeOf(error) === 'ENOENT') {
      return [env, ok('settings', `read from the environment; there is no ${file}`)];
    }
    const advice =
      codeOf(error) === 'EACCES' ? 'Run the doctor as the user that the worker runs as.' : 'Check --settings.';
    return [env, fail('settings', { found: `${file} can't be read: ${codeOf(error) ?? String(error)}`, advice })];
  }
}

const Directory = z.string().startsWith('/', 'an absolute path');

/** Reads each setting by itself, so that one that is wrong does not hide what can be said about the others. */
export function settingsFrom(env: Environment): { settings: HostSettings; findings: Finding[] } {
  const findings: Finding[] = [];
  const read = <T>(name: string, schema: z.ZodType<T>, what: string): T | null => {
    const parsed = schema.safeParse(env[name]);
    if (parsed.success) return parsed.data;
    const found = env[name] ? `${name} is not usable: ${parsed.error.issues[0]?.message ?? ''}` : `${name} is not set`;
    findings.push(fail('settings', { found, advice: `Set ${name} to ${what}.` }));
    return null;
  };
  const settings: HostSettings = {
    host: read(
      'VARVE_HOST',
      HostNameSchema.default(() => hostname() as HostName),
      'the name that this host has in the catalog',
    ),
    instancesDir: read('VARVE_INSTANCES_DIR', Directory, 'the directory that holds a directory per instance'),
    stateDir: read('VARVE_STATE_DIR', Directory.default('/var/lib/varve'), 'a directory of the worker’s own'),
    hypervisor: read('VARVE_HYPERVISOR', z.enum(['qmp', 'libvirt']).default('qmp'), 'qmp or libvirt'),
    amqpUrl: read('VARVE_AMQP_URL', AmqpUrl, 'amqp://user:password@host:5672/vhost'),
    store: storeFrom(env, findings),
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
