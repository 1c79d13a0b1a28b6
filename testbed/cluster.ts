// Varve itself, as it runs in production: built processes, each with its own environment. For end-to-end tests, the
// demo and the benchmark.
//
//   const cluster = await Cluster.start({ root, postgresUrl, amqpUrl, store: { kind: 'filesystem', path } });
//   const instance = await cluster.get('/v1/instances');
//   await cluster.worker.kill(); await cluster.worker.start();
//   await cluster.close();
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Daemon } from './services/daemon.ts';
import { freePorts } from './services/ports.ts';
import { until } from './services/until.ts';

const CHECKOUT = resolve(import.meta.dirname, '..');
const NODE = join(CHECKOUT, 'node_modules/.bin/node');

export type ClusterStore =
  | { readonly kind: 'filesystem'; readonly path: string }
  | {
      readonly kind: 's3';
      readonly endPoint: string;
      readonly port: number;
      readonly accessKey: string;
      readonly secretKey: string;
      readonly bucket: string;
      readonly region: string;
    };

export interface ClusterOptions {
  /** An empty folder: instances, base images, logs and the tokens file go there. */
  readonly root: string;
  readonly postgresUrl: string;
  readonly amqpUrl: string;
  readonly store: ClusterStore;
  /** Where the instances' directories are, when that isn't `<root>/instances`: on another file system, say. */
  readonly instancesDir?: string;
  readonly apis?: number;
  readonly conductors?: number;
  /** Beside or instead of what is set here. */
  readonly workerEnv?: Readonly<Record<string, string>>;
  readonly apiEnv?: Readonly<Record<string, string>>;
  readonly conductorEnv?: Readonly<Record<string, string>>;
}

/** Tokens that the cluster knows; `stranger` belongs to another project. */
export const TOKENS = {
  admin: 'demo-admin-token-not-for-production',
  member: 'demo-member-token-not-for-production',
  reader: 'demo-reader-token-not-for-production',
  stranger: 'demo-stranger-token-not-for-production',
};
export const PROJECT = 'demo';

/** A process that can be stopped, killed and started again as it was. */
export class ManagedProcess {
  private readonly daemon: Daemon;
  readonly logFile: string;
  /** What is changed here counts from the next start. */
  readonly env: Record<string, string>;
  readonly argv: readonly string[];

  constructor(name: string, argv: readonly string[], env: Record<string, string>, root: string) {
    this.argv = argv;
    this.env = env;
    this.logFile = join(root, `${name}.log`);
    // Not to outlive whoever started it, however that ends.
    const account = { drop: ['setpriv', '--pdeathsig', 'KILL', '--'] } as unknown as ConstructorParameters<
      typeof Daemon
    >[0];
    this.daemon = new Daemon(account, { name, argv, env, cwd: root, logFile: this.logFile });
  }

  get pid(): number | null {
    return this.daemon.pid;
  }

  start(): void {
    this.daemon.start();
  }

  /** SIGTERM, and waits. */
  stop(): Promise<void> {
    return this.daemon.stop();
  }

  /** kill -9. */
  kill(): Promise<void> {
    return this.daemon.kill();
  }

  /** Holds it still (SIGSTOP): it neither does nor hears anything until {@link resume}. */
  suspend(): void {
    this.daemon.signal('SIGSTOP');
  }

  resume(): void {
    this.daemon.signal('SIGCONT');
  }

  /** @throws {Error} with the end of its log when it has ended */
  assertRunning(): void {
    this.daemon.assertRunning();
  }
}

export class Cluster {
  readonly instancesDir: string;
  readonly baseDir: string;
  readonly urls: readonly string[];
  readonly apis: readonly ManagedProcess[];
  readonly conductors: readonly ManagedProcess[];
  readonly worker: ManagedProcess;
  readonly workerEnv: Readonly<Record<string, string>>;

  readonly root: string;

  private constructor(
    root: string,
    parts: Pick<Cluster, 'instancesDir' | 'baseDir' | 'urls' | 'apis' | 'conductors' | 'worker' | 'workerEnv'>,
  ) {
    this.root = root;
    this.instancesDir = parts.instancesDir;
    this.baseDir = parts.baseDir;
    this.urls = parts.urls;
    this.apis = parts.apis;
    this.conductors = parts.conductors;
    this.worker = parts.worker;
    this.workerEnv = parts.workerEnv;
  }

  /** Starts everything and returns when the API says that it is ready. The build must be up to date. */
  static async start(options: ClusterOptions): Promise<Cluster> {
    const { root, apis = 1, conductors = 1 } = options;
    const instancesDir = options.instancesDir ?? join(root, 'instances');
    const baseDir = join(root, '_base');
    for (const dir of [instancesDir, baseDir, join(root, 'state')]) mkdirSync(dir, { recursive: true });
    writeFileSync(join(root, 'tokens.json'), JSON.stringify(tokensFile()), { mode: 0o600 });
    if (options.store.kind === 'filesystem') mkdirSync(options.store.path, { recursive: true });

    const common = { HOME: root, NODE_ENV: 'production', VARVE_LOG_LEVEL: 'info', VARVE_AMQP_URL: options.amqpUrl };
    const control = { ...common, VARVE_DATABASE_URL: options.postgresUrl, ...storeEnv(options.store) };
    const ports = await freePorts(apis + conductors);
    const urls = ports.slice(0, apis).map((port) => `http://127.0.0.1:${port}`);
    const app = (name: string): string[] => {
      const main = join(CHECKOUT, 'dist/apps', name, 'main.js');
      if (!existsSync(main)) throw new Error(`${name} is not built: npm run build`);
      return [NODE, '--enable-source-maps', main];
    };
    const onPort = (port: number | undefined): Record<string, string> => ({
      ...control,
      VARVE_HTTP_HOST: '127.0.0.1',
      VARVE_HTTP_PORT: String(port),
    });
    const workerEnv = {
      ...common,
      ...storeEnv(options.store),
      VARVE_HOST: 'host-1',
      VARVE_INSTANCES_DIR: instancesDir,
      VARVE_STATE_DIR: join(root, 'state'),
      VARVE_HEARTBEAT_S: '1',
      VARVE_STOP_GRACE_S: '1',
      VARVE_UPLOAD_GIVE_UP_S: '3',
      ...options.workerEnv,
    };
    const identity = { VARVE_IDENTITY: 'static', VARVE_TOKENS_FILE: join(root, 'tokens.json'), ...options.apiEnv };
    const cluster = new Cluster(root, {
      instancesDir,
      baseDir,
      urls,
      apis: urls.map(
        (_, i) => new ManagedProcess(`api-${i + 1}`, app('api'), { ...onPort(ports[i]), ...identity }, root),
      ),
      conductors: Array.from(
        { length: conductors },
        (_, i) =>
          new ManagedProcess(
            `conductor-${i + 1}`,
            app('conductor'),
            { ...onPort(ports[apis + i]), ...options.conductorEnv },
            root,
          ),
      ),
      worker: new ManagedProcess('worker', app('worker'), workerEnv, root),
      workerEnv,
    });
    const all = [...cluster.apis, ...cluster.conductors, cluster.worker];
    for (const one of all) one.start();
    try {
      for (const url of urls) {
        const ready = async (): Promise<boolean> => {
          for (const one of all) one.assertRunning();
          return (await fetch(`${url}/readyz`)).ok;
        };
        await until('the API is ready', ready, { deadlineMs: 150_000 });
      }
    } catch (error) {
      await cluster.close();
      throw error;
    }
    return cluster;
  }

  get url(): string {
    const [first] = this.urls;
    if (!first) throw new Error('This cluster has no API');
    return first;
  }

  /** What the `varve` command needs to speak to this cluster. */
  cliEnv(token: string = TOKENS.member): Record<string, string> {
    return { VARVE_URL: this.url, VARVE_TOKEN: token };
  }

  /** The latest warnings and errors of each process: why it is that something does not happen. */
  troubles(): string {
    return [...this.apis, ...this.conductors, this.worker]
      .flatMap(({ logFile }) => {
        const lines = readFileSync(logFile, 'utf8').split('\n');
        return lines.filter((line) => /^\{"level":[456]0/.test(line)).slice(-10);
      })
      .map((line) => line.slice(0, 1_000))
      .join('\n');
  }

  /** Any request; the answer's body as it is, without a look at the status. */
  async request(
    method: string,
    path: string,
    { body, token = TOKENS.member, headers = {}, url = this.url }: RequestOptions = {},
  ): Promise<{ status: number; body: unknown; headers: Headers }> {
    const response = await fetch(url + path, {
      method,
      headers: {
        'X-Auth-Token': token,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? null : JSON.parse(text), headers: response.headers };
  }

  /** Stops all processes; instances go on running. */
  async close(): Promise<void> {
    await Promise.all([...this.apis, ...this.conductors, this.worker].map((one) => one.stop()));
  }
}

export interface RequestOptions {
  readonly body?: unknown;
  readonly token?: string;
  readonly headers?: Record<string, string>;
  readonly url?: string;
}

/** Who has which of {@link TOKENS}, as the API reads it. */
export function tokensFile(): object {
  const other = { [TOKENS.stranger]: 'other' } as Record<string, string>;
  const role = (name: string): string => (name === 'admin' || name === 'reader' ? name : 'member');
  return {
    tokens: Object.entries(TOKENS).map(([name, token]) => ({
      token,
      userId: name,
      projectId: other[token] ?? PROJECT,
      role: role(name),
    })),
  };
}

/** The settings by which worker and conductor find the object store. */
export function storeEnv(store: ClusterStore): Record<string, string> {
  if (store.kind === 'filesystem') return { VARVE_STORE: 'filesystem', VARVE_STORE_PATH: store.path };
  return {
    VARVE_STORE: 's3',
    VARVE_S3_ENDPOINT: `http://${store.endPoint}:${store.port}`,
    VARVE_S3_REGION: store.region,
    VARVE_S3_BUCKET: store.bucket,
    VARVE_S3_ACCESS_KEY: store.accessKey,
    VARVE_S3_SECRET_KEY: store.secretKey,
  };
}
