// A private RabbitMQ node from Debian's release: an epmd of its own, everything on loopback.
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import amqp from 'amqplib';
import { makeFolderFor, type Account } from './account.ts';
import { Daemon } from './daemon.ts';
import { Service } from './service.ts';

const USER = 'varve';
const PASSWORD = 'varve';

export interface RabbitMq {
  /**
   * Don't kill it within some 6 s of a quorum queue's declaration: 3.10 writes the queue's first election down only
   * then, and such a queue has no leader ever after (seen here; an orderly stop writes it too).
   */
  readonly service: Service;
  /** Of the default vhost. */
  readonly url: string;
  /** Makes an empty vhost, so that fixed queue names of two test files don't meet, and gives its url. */
  createVhost(name: string): Promise<string>;
  /** Makes a user who may do just that in this vhost, and gives the vhost's url with it. */
  createUser(vhostUrl: string, rights: Rights): Promise<string>;
}

/** As `rabbitmqctl set_permissions` takes them. */
export interface Rights {
  readonly configure: string;
  readonly write: string;
  readonly read: string;
}

/** The release's own script: the wrapper in /usr/sbin insists on the system's `rabbitmq` user. */
function serverScript(): string {
  const root = '/usr/lib/rabbitmq/lib';
  const release = existsSync(root) ? readdirSync(root).find((name) => name.startsWith('rabbitmq_server-')) : undefined;
  if (!release) throw new Error('no RabbitMQ below /usr/lib/rabbitmq: run scripts/setup.sh');
  return join(root, release, 'sbin/rabbitmq-server');
}

export async function prepareRabbitMq(
  account: Account,
  dir: string,
  ports: { amqp: number; dist: number; epmd: number; management: number },
): Promise<RabbitMq> {
  makeFolderFor(account, dir);
  writeFileSync(join(dir, 'rabbitmq.conf'), configuration(ports));
  writeFileSync(join(dir, 'enabled_plugins'), '[rabbitmq_management].\n');

  // RabbitMQ starts an epmd by itself when it finds none, which would listen on all interfaces and outlive it.
  const epmd = new Daemon(account, {
    name: 'epmd',
    argv: ['epmd', '-address', '127.0.0.1', '-port', String(ports.epmd)],
    cwd: dir,
    logFile: join(dir, 'epmd.log'),
  });
  const node = new Daemon(account, {
    name: 'rabbitmq',
    argv: [serverScript()],
    env: environment(dir, ports),
    cwd: dir,
    logFile: join(dir, 'rabbitmq.log'),
    // 3.10's management plugin waits 5 s for nothing, long after listeners, connections and message stores are closed.
    graceMs: 2000,
  });
  const url = `amqp://${USER}:${PASSWORD}@127.0.0.1:${ports.amqp}`;
  const service = new Service('rabbitmq', [epmd, node], async () => {
    const connection = await amqp.connect(url, { timeout: 5000 });
    await connection.close();
    return true;
  });
  const createVhost = async (name: string): Promise<string> => {
    if (!/^[a-z0-9_-]{1,64}$/.test(name)) throw new Error(`not a plain vhost name: ${name}`);
    const api = `http://127.0.0.1:${ports.management}/api`;
    await put(`${api}/vhosts/${name}`, {});
    await put(`${api}/permissions/${name}/${USER}`, { configure: '.*', write: '.*', read: '.*' });
    return `${url}/${name}`;
  };
  const createUser = async (vhostUrl: string, rights: Rights): Promise<string> => {
    const changed = new URL(vhostUrl);
    changed.username = `u-${randomBytes(4).toString('hex')}`;
    const api = `http://127.0.0.1:${ports.management}/api`;
    await put(`${api}/users/${changed.username}`, { password: PASSWORD, tags: '' });
    await put(`${api}/permissions/${encodeURIComponent(changed.pathname.slice(1))}/${changed.username}`, rights);
    return changed.href;
  };
  return { service, url, createVhost, createUser };
}

/** Two nodes of one name on a machine refuse each other; the data belongs to the name, so it is kept. */
function nodeName(dir: string): string {
  const file = join(dir, 'node-name');
  if (!existsSync(file)) writeFileSync(file, `varve-${randomBytes(4).toString('hex')}@localhost`);
  return readFileSync(file, 'utf8');
}

function configuration(ports: { amqp: number; management: number }): string {
  return [
    `listeners.tcp.1 = 127.0.0.1:${ports.amqp}`,
    `default_user = ${USER}`,
    `default_pass = ${PASSWORD}`,
    `management.tcp.ip = 127.0.0.1`,
    `management.tcp.port = ${ports.management}`,
    // Only the HTTP API is wanted; collecting statistics is what costs.
    `management.disable_stats = true`,
    `consumer_timeout = 86400000`,
    `vm_memory_high_watermark.absolute = 512MB`,
    `disk_free_limit.absolute = 1MB`,
    '',
  ].join('\n');
}

function environment(dir: string, ports: { amqp: number; dist: number; epmd: number }): Record<string, string> {
  return {
    HOME: dir,
    RABBITMQ_NODENAME: nodeName(dir),
    RABBITMQ_NODE_PORT: String(ports.amqp),
    RABBITMQ_DIST_PORT: String(ports.dist),
    RABBITMQ_MNESIA_BASE: join(dir, 'data'),
    RABBITMQ_LOG_BASE: join(dir, 'log'),
    RABBITMQ_PID_FILE: join(dir, 'pid'),
    RABBITMQ_CONFIG_FILE: join(dir, 'rabbitmq.conf'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(dir, 'enabled_plugins'),
    RABBITMQ_CONF_ENV_FILE: '/dev/null',
    ERL_EPMD_PORT: String(ports.epmd),
    // Makes the script `exec` the Erlang VM instead of standing in front of it, so that signals and death reach it.
    RABBITMQ_ALLOW_INPUT: '1',
    RABBITMQ_SERVER_START_ARGS: '-noinput',
    // Without the interface the distribution port listens on all of them.
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: `-start_epmd false -erl_epmd_port ${ports.dist} -kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none`,
  };
}

async function put(url: string, body: unknown): Promise<void> {
  const response = await fetch(url, {
    method: 'PUT',
    headers: {
      authorization: `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString('base64')}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(20_000),
  });
  if (!response.ok) throw new Error(`PUT ${url}: ${response.status} ${await response.text()}`);
}
