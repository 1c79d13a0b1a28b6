// The whole product as built, with what a test needs around it.
//
//   const product = await Product.start({ store: 's3' });
//   const instance = await product.instance();               // a proving guest, booted and known to the catalog
//   const point = await instance.snapshot();
//   await instance.goBackTo(point);
//   await product.close();
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { VarveClient } from '@varve/api-client';
import type { OperationView } from '@varve/contracts';
import { Cluster, TOKENS } from '../../../../testbed/cluster.ts';
import { finishedOperation } from '../../../../testbed/finished-operation.ts';
import type { GuestOptions } from '../../../../testbed/guest/layout.ts';
import { ProvingGuest } from '../../../../testbed/guest/guest.ts';
import { freshDatabase, freshVhost } from '../../../../testbed/services/shared.ts';
import { until } from '../../../../testbed/services/until.ts';
import { ProvenInstance } from './proven-instance.js';
import { makeStore } from './store-gate.js';
import type { StoreGate, StoreKind } from './store-gate.js';
import { WorkerHalt } from './worker-halt.js';

/** Generous: these run beside others on two slow cores. */
export const PATIENCE = { deadlineMs: 120_000 };

export interface ProductOptions {
  readonly store?: StoreKind;
  readonly instancesDir?: string;
  readonly apiEnv?: Readonly<Record<string, string>>;
  readonly workerEnv?: Readonly<Record<string, string>>;
  /** The shared ones by default. */
  readonly postgresUrl?: string;
  readonly amqpUrl?: string;
}

export class Product {
  private readonly instances: ProvenInstance[] = [];

  private constructor(
    readonly root: string,
    readonly cluster: Cluster,
    readonly store: StoreGate,
    readonly amqpUrl: string,
    readonly client: VarveClient,
    readonly halt: WorkerHalt,
  ) {}

  static async start(options: ProductOptions = {}): Promise<Product> {
    const [postgresUrl, amqpUrl] = await Promise.all([
      options.postgresUrl ?? freshDatabase(),
      options.amqpUrl ?? freshVhost(),
    ]);
    const root = await mkdtemp('/var/tmp/varve-e2e-');
    const store = await makeStore(options.store ?? 'filesystem', root);
    const cluster = await Cluster.start({
      root,
      postgresUrl,
      amqpUrl,
      store: store.store,
      ...(options.instancesDir ? { instancesDir: options.instancesDir } : {}),
      ...(options.apiEnv ? { apiEnv: options.apiEnv } : {}),
      workerEnv: {
        VARVE_UPLOAD_GIVE_UP_S: '1',
        // Longer than any test holds the store up, and than a busy store takes.
        VARVE_S3_DEADLINE_S: '60',
        VARVE_RESERVE_MIB: '1',
        VARVE_TEST_HALT_FILE: join(root, 'halt'),
        ...options.workerEnv,
      },
    });
    const halt = new WorkerHalt(cluster.worker, join(root, 'halt'));
    return new Product(root, cluster, store, amqpUrl, clientOf(cluster), halt);
  }

  /** The client of another tenant, or of another kind of user. */
  clientFor(who: keyof typeof TOKENS): VarveClient {
    return clientOf(this.cluster, TOKENS[who]);
  }

  /** A new instance with the proving guest in it. */
  async instance(options: Partial<GuestOptions> & { boot?: boolean } = {}): Promise<ProvenInstance> {
    const { boot = true, ...guestOptions } = options;
    const guest = await ProvingGuest.create({
      instances: this.cluster.instancesDir,
      areaBlocks: 16_384,
      diskBytes: 128 << 20,
      ...guestOptions,
    });
    const instance = new ProvenInstance(this, guest);
    this.instances.push(instance);
    if (boot) await guest.boot();
    await this.known(guest.id);
    return instance;
  }

  /** Waits until the host has told the catalog of an instance. */
  async known(id: string): Promise<void> {
    await until(`the catalog knows ${id}`, () => this.client.instance(id), PATIENCE);
  }

  /** The operation's end, whatever it is. */
  finished(id: string): Promise<OperationView> {
    return finishedOperation(this.client, id, { ...PATIENCE, cluster: this.cluster });
  }

  /** The worker as a new process, with other settings if any are given; open work is gone on with. */
  async restartWorker(how: 'stop' | 'kill', env: Readonly<Record<string, string>> = {}): Promise<void> {
    const { worker } = this.cluster;
    await worker[how]();
    Object.assign(worker.env, env);
    worker.start();
  }

  /**
   * What a host runs before it starts instances.
   *
   * @throws {Error} there is an instance that must not be started
   */
  async recover(): Promise<void> {
    const { argv, env } = this.cluster.worker;
    const [node = '', ...args] = argv;
    await promisify(execFile)(node, [...args, 'recover'], { env: { ...process.env, ...env } });
  }

  async close(): Promise<void> {
    await this.cluster.close();
    for (const { guest } of this.instances) await guest.dispose();
    await this.store.close();
    await rm(this.root, { recursive: true });
  }
}

const clientOf = (cluster: Cluster, token: string = TOKENS.member): VarveClient =>
  new VarveClient({ url: cluster.url, token });
