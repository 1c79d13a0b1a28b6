// Varve for this cloud, as built: API and conductor with Keystone, a worker on Nova's host; each with the least rights at
// the broker.
//
//   const varve = await startVarve(cloud);
//   const server = await varve.protect(await cloud.boot());
//   const point = await server.snapshot();
//   await server.goBackTo(point);
//   await varve.close();
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { VarveClient } from '@varve/api-client';
import { CONDUCTOR_RIGHTS, workerRights, type Rights } from '@varve/contracts';
import type { HostName } from '@varve/core';
import { Cluster, type ClusterStore } from '../cluster.ts';
import { freshDatabase, freshVhost, userWith } from '../services/shared.ts';
import { until } from '../services/until.ts';
import type { Cloud } from './cloud.ts';
import { ProtectedServer } from './protected-server.ts';
import type { ProvingServer } from './proving-server.ts';
import type { Session } from './session.ts';

export interface VarveOptions {
  /** A folder by default. */
  readonly store?: ClusterStore;
  readonly apiEnv?: Readonly<Record<string, string>>;
  readonly conductorEnv?: Readonly<Record<string, string>>;
  readonly workerEnv?: Readonly<Record<string, string>>;
}

export class Varve {
  readonly cloud: Cloud;
  readonly cluster: Cluster;
  /** The worker stops itself at the entry of its journal that is written here; see apps/worker/src/halt.ts. */
  readonly haltFile: string;

  private constructor(cloud: Cloud, cluster: Cluster, haltFile: string) {
    this.cloud = cloud;
    this.cluster = cluster;
    this.haltFile = haltFile;
  }

  /** Returns when the API is ready. The build must be up to date, and the run's shared services be there. */
  static async start(cloud: Cloud, options: VarveOptions = {}): Promise<Varve> {
    const [postgresUrl, amqpUrl] = await Promise.all([freshDatabase(), freshVhost()]);
    const root = await mkdtemp('/var/tmp/varve-on-nova-');
    const keystone = keystoneEnv(cloud);
    const as = async (rights: Rights): Promise<{ VARVE_AMQP_URL: string }> => ({
      VARVE_AMQP_URL: await userWith(amqpUrl, rights),
    });
    const haltFile = join(root, 'halt');
    const cluster = await Cluster.start({
      root,
      postgresUrl,
      amqpUrl,
      store: options.store ?? { kind: 'filesystem', path: join(root, 'store') },
      instancesDir: cloud.file.instancesDir,
      apiEnv: { ...keystone, VARVE_IDENTITY: 'keystone', VARVE_TOKEN_CACHE_S: '1', ...options.apiEnv },
      conductorEnv: { ...keystone, ...(await as(CONDUCTOR_RIGHTS)), ...options.conductorEnv },
      workerEnv: {
        ...keystone,
        ...(await as(workerRights(cloud.file.host as HostName))),
        VARVE_HOST: cloud.file.host,
        VARVE_HYPERVISOR: 'libvirt',
        VARVE_LIBVIRT_URI: cloud.file.libvirtUri,
        VARVE_COMPUTE: 'nova',
        VARVE_RESERVE_MIB: '1',
        VARVE_TEST_HALT_FILE: haltFile,
        ...options.workerEnv,
      },
    });
    return new Varve(cloud, cluster, haltFile);
  }

  /** Whether it has stopped itself as asked by the {@link haltFile}. */
  workerIsHalted(): boolean {
    const { pid } = this.cluster.worker;
    return (
      pid !== null && !existsSync(this.haltFile) && /^\d+ \(.*\) T /s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
    );
  }

  /** The API in this user's hands; with the token that the session has now. */
  client(session: Session = this.cloud.demo): VarveClient {
    return new VarveClient({ url: this.cluster.url, token: session.token });
  }

  /** The server, once the catalog knows it. */
  async protect(server: ProvingServer, owner: Session = this.cloud.demo): Promise<ProtectedServer> {
    const client = this.client(owner);
    await until(`the catalog knows ${server.id}`, () => client.instance(server.id), { deadlineMs: 60_000 });
    return new ProtectedServer(server, client, this.cluster);
  }

  /** Servers go on running, with whatever layers they have. */
  async close(): Promise<void> {
    await this.cluster.close();
    await rm(this.cluster.root, { recursive: true });
  }
}

export const startVarve = (cloud: Cloud, options?: VarveOptions): Promise<Varve> => Varve.start(cloud, options);

/** How Varve's processes log in to this cloud. */
export function keystoneEnv({ file }: Cloud): Record<string, string> {
  const { user, password, project } = file.logins.varve;
  return {
    VARVE_KEYSTONE_URL: file.authUrl,
    VARVE_KEYSTONE_USERNAME: user,
    VARVE_KEYSTONE_PASSWORD: password,
    VARVE_KEYSTONE_PROJECT: project,
    VARVE_OPENSTACK_REGION: file.region,
  };
}
