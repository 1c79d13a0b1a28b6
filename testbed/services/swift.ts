// OpenStack Swift with its S3 middleware: four single-process servers and memcached, the S3 server that a cloud has.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'minio';
import { makeFolderFor, type Account } from './account.ts';
import { Daemon } from './daemon.ts';
import { isServed } from './ports.ts';
import { Service } from './service.ts';

export interface S3Settings {
  readonly endPoint: string;
  readonly port: number;
  readonly useSSL: false;
  readonly pathStyle: true;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly region: string;
  readonly bucket: string;
}

export interface Swift {
  readonly service: Service;
  readonly s3: S3Settings;
  /** Makes an empty bucket and gives the settings to reach it. */
  createBucket(name: string): Promise<S3Settings>;
}

export interface SwiftPorts {
  readonly proxy: number;
  readonly account: number;
  readonly container: number;
  readonly object: number;
  readonly memcached: number;
}

const STORAGE = ['account', 'container', 'object'] as const;

export async function prepareSwift(account: Account, dir: string, ports: SwiftPorts): Promise<Swift> {
  makeFolderFor(account, dir);
  const sections: Record<string, string> = { proxy: proxyConf(account, dir, ports) };
  for (const kind of STORAGE) sections[kind] = storageConf(account, dir, kind, ports[kind]);
  writeFileSync(
    join(dir, 'swift.conf'),
    '[swift-hash]\nswift_hash_path_suffix = varve\nswift_hash_path_prefix = varve\n',
  );
  for (const [kind, text] of Object.entries(sections)) writeFileSync(join(dir, `${kind}.conf`), text);
  makeFolderFor(account, join(dir, 'devices/d1'));
  buildRings(account, dir, ports);

  const daemon = (name: string, argv: string[]): Daemon =>
    new Daemon(account, { name, argv, cwd: dir, env: { HOME: dir }, logFile: join(dir, `${name}.log`) });
  const daemons = [
    daemon('memcached', ['memcached', '-l', '127.0.0.1', '-p', String(ports.memcached), '-U', '0', '-m', '32']),
    ...[...STORAGE, 'proxy'].map((kind) =>
      daemon(`swift-${kind}`, [`swift-${kind}-server`, join(dir, `${kind}.conf`)]),
    ),
  ];
  const s3: S3Settings = {
    endPoint: '127.0.0.1',
    port: ports.proxy,
    useSSL: false,
    pathStyle: true,
    accessKey: 'varve:varve',
    secretKey: 'varve-secret',
    region: 'us-east-1',
    bucket: 'varve',
  };
  // The client's own retry would only print to our console.
  const client = new Client({ ...s3, retryOptions: { disableRetry: true } });
  const createBucket = async (bucket: string): Promise<S3Settings> => {
    if (!(await client.bucketExists(bucket))) await client.makeBucket(bucket, s3.region);
    return { ...s3, bucket };
  };
  const service = new Service('swift', daemons, async () => {
    for (const port of [ports.memcached, ports.proxy, ...STORAGE.map((kind) => ports[kind])]) {
      if (!(await isServed(port))) return false;
    }
    await createBucket(s3.bucket); // goes through all four servers
    return true;
  });
  return { service, s3, createBucket };
}

function common(account: Account, dir: string, port: number): string {
  return `[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${port}
workers = 0
user = ${account.name}
swift_dir = ${dir}
devices = ${join(dir, 'devices')}
mount_check = false
log_level = WARNING
log_udp_host =
log_address = /dev/null
fallocate_reserve = 0
`;
}

function storageConf(account: Account, dir: string, kind: string, port: number): string {
  return `${common(account, dir, port)}
[pipeline:main]
pipeline = ${kind}-server

[app:${kind}-server]
use = egg:swift#${kind}
${kind === 'object' ? TELLS_THE_CONTAINER : ''}`;
}

/** By itself it waits a second for that, and goes on without: then an object is there that no list ever has. */
const TELLS_THE_CONTAINER = `container_update_timeout = 60
conn_timeout = 30
node_timeout = 60
`;

function proxyConf(account: Account, dir: string, ports: SwiftPorts): string {
  const filters = {
    catch_errors: 'catch_errors',
    gatekeeper: 'gatekeeper',
    healthcheck: 'healthcheck',
    cache: `memcache\nmemcache_servers = 127.0.0.1:${ports.memcached}`,
    listing_formats: 'listing_formats',
    bulk: 'bulk',
    s3api: 's3api\nlocation = us-east-1',
    tempauth: 'tempauth\nuser_varve_varve = varve-secret .admin',
    copy: 'copy',
    slo: 'slo',
    dlo: 'dlo',
    versioned_writes: 'versioned_writes\nallow_object_versioning = true',
    symlink: 'symlink',
  };
  const texts = Object.entries(filters).map(([name, use]) => `[filter:${name}]\nuse = egg:swift#${use}\n`);
  return `${common(account, dir, ports.proxy)}
[pipeline:main]
pipeline = ${Object.keys(filters).join(' ')} proxy-server

[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true

${texts.join('\n')}`;
}

/** One replica on one device. Building the rings is a third of Swift's start, so they are kept while the ports stay. */
function buildRings(account: Account, dir: string, ports: SwiftPorts): void {
  const stamp = join(dir, 'rings-for');
  const wanted = STORAGE.map((kind) => ports[kind]).join(' ');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  for (const kind of STORAGE) {
    const steps = [['create', '4', '1', '1'], ['add', `r1z1-127.0.0.1:${ports[kind]}/d1`, '1'], ['rebalance']];
    for (const file of [`${kind}.builder`, `${kind}.ring.gz`]) spawnSync('rm', ['-f', join(dir, file)]);
    for (const step of steps) {
      const [command, ...args] = [...account.drop, 'swift-ring-builder', `${kind}.builder`, ...step];
      const run = spawnSync(command, args, { cwd: dir, encoding: 'utf8' });
      // 1 is a warning: one device is not what Swift calls well balanced.
      if (run.status !== 0 && run.status !== 1) {
        throw new Error(`swift-ring-builder ${kind} ${step.join(' ')}: ${run.stdout}${run.stderr}`);
      }
    }
  }
  writeFileSync(stamp, wanted);
}
