// The embedded services: PostgreSQL, RabbitMQ and Swift from Debian's packages, private to one state folder.
//
//   const services = await startServices({ stateDir: '/var/tmp/varve-x' });
//   ... services.postgresUrl, services.amqpUrl, services.s3 ...
//   await services.swift.stop(); await services.swift.start();       // the store goes away and comes back
//   await services.stop();
//
// Nothing of the machine's own services is touched. They end with the process that started them, however that ends.
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { servicesAccount } from './account.ts';
import { isSameProcess, startTimeOf } from './process-table.ts';
import { freePorts, isPortFree } from './ports.ts';
import { preparePostgres } from './postgres.ts';
import { prepareRabbitMq, type Rights } from './rabbitmq.ts';
import type { Service, ServiceControl } from './service.ts';
import { prepareSwift, type S3Settings } from './swift.ts';

export type ServiceName = 'postgres' | 'rabbitmq' | 'swift';
export const SERVICE_NAMES: readonly ServiceName[] = ['postgres', 'rabbitmq', 'swift'];

export interface ServicesOptions {
  /** Kept between runs: data, and ports where they are still free. Deleting it is the way to begin anew. */
  readonly stateDir: string;
  /** All by default. */
  readonly which?: readonly ServiceName[];
}

/** Using one that wasn't asked for throws. */
export interface Services {
  readonly stateDir: string;
  readonly postgresUrl: string;
  readonly amqpUrl: string;
  readonly s3: S3Settings;
  readonly postgres: ServiceControl;
  readonly rabbitmq: ServiceControl;
  readonly swift: ServiceControl;
  /** Makes an empty database and gives its url. */
  createDatabase(name: string): Promise<string>;
  /** Makes an empty vhost and gives its url. */
  createVhost(name: string): Promise<string>;
  /** Makes a user of that vhost with no more rights than these, and gives the vhost's url with it. */
  createUser(vhostUrl: string, rights: Rights): Promise<string>;
  /** Makes an empty bucket and gives the settings to reach it. */
  createBucket(name: string): Promise<S3Settings>;
  /** Stops all of them; the data stays. */
  stop(): Promise<void>;
}

const PORTS = {
  postgres: ['postgres'],
  rabbitmq: ['amqp', 'dist', 'epmd', 'management'],
  swift: ['proxy', 'account', 'container', 'object', 'memcached'],
} as const satisfies Record<ServiceName, readonly string[]>;
type PortName = (typeof PORTS)[ServiceName][number];
type Ports = Record<PortName, number>;

/**
 * Starts them at the same time and returns when all answer: about 5 s.
 *
 * @throws {Error} one did not come up (its log is quoted), or somebody else runs this state folder; nothing is left running
 */
export async function startServices({ stateDir, which = SERVICE_NAMES }: ServicesOptions): Promise<Services> {
  const dir = resolve(stateDir);
  mkdirSync(dir, { recursive: true });
  chmodSync(dir, 0o755); // a folder of mkdtemp is closed to the services' user
  claim(dir);
  const account = servicesAccount();
  const ports = await choosePorts(dir);
  const wants = (name: ServiceName): boolean => which.includes(name);

  const postgres = wants('postgres') ? await preparePostgres(account, join(dir, 'postgres'), ports.postgres) : null;
  const rabbitmq = wants('rabbitmq') ? await prepareRabbitMq(account, join(dir, 'rabbitmq'), ports) : null;
  const swift = wants('swift') ? await prepareSwift(account, join(dir, 'swift'), ports) : null;
  const all = [postgres, rabbitmq, swift].flatMap((one) => one?.service ?? []);

  const stop = async (): Promise<void> => {
    await Promise.all(all.map((service) => service.stop()));
    rmSync(claimFile(dir), { force: true });
  };
  const outcomes = await Promise.allSettled(all.map((service) => service.start()));
  const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as Error] : []));
  if (failures.length > 0) {
    await stop();
    throw new AggregateError(failures, failures.map((failure) => failure.message).join('\n'));
  }

  return {
    stateDir: dir,
    get postgresUrl() {
      return need('postgres', postgres).url;
    },
    get amqpUrl() {
      return need('rabbitmq', rabbitmq).url;
    },
    get s3() {
      return need('swift', swift).s3;
    },
    get postgres(): Service {
      return need('postgres', postgres).service;
    },
    get rabbitmq(): Service {
      return need('rabbitmq', rabbitmq).service;
    },
    get swift(): Service {
      return need('swift', swift).service;
    },
    createDatabase: (name) => need('postgres', postgres).createDatabase(name),
    createVhost: (name) => need('rabbitmq', rabbitmq).createVhost(name),
    createUser: (vhostUrl, rights) => need('rabbitmq', rabbitmq).createUser(vhostUrl, rights),
    createBucket: (name) => need('swift', swift).createBucket(name),
    stop,
  };
}

function need<T>(name: ServiceName, service: T | null): T {
  if (!service) throw new Error(`${name} was not among the services asked for`);
  return service;
}

const claimFile = (dir: string): string => join(dir, 'owner.json');

/** One process at a time owns a state folder; a dead owner's claim is void. */
function claim(dir: string): void {
  const file = claimFile(dir);
  const mine = JSON.stringify({ pid: process.pid, startTime: startTimeOf(process.pid) });
  if (existsSync(file)) {
    const owner = JSON.parse(readFileSync(file, 'utf8')) as { pid: number; startTime: string };
    if (isSameProcess(owner.pid, owner.startTime))
      throw new Error(`the services in ${dir} are run by process ${owner.pid}`);
  }
  writeFileSync(file, mine);
}

async function choosePorts(dir: string): Promise<Ports> {
  const file = join(dir, 'ports.json');
  const names = Object.values(PORTS).flat();
  const known = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Ports) : ({} as Partial<Ports>);
  const fresh = await freePorts(names.length);
  const ports = {} as Ports;
  for (const [index, name] of names.entries()) {
    const old = known[name];
    ports[name] = old !== undefined && (await isPortFree(old)) ? old : fresh[index]!;
  }
  writeFileSync(file, JSON.stringify(ports));
  return ports;
}
