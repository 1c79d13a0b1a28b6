// What all measurements share: a folder, the embedded services, and an end that leaves nothing behind.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Cluster, type ClusterStore } from '../cluster.ts';
import { startServices, type Services } from '../services/services.ts';

export class Bench {
  readonly root: string;
  readonly quick: boolean;
  readonly services: Services;
  private readonly endings: (() => Promise<void>)[] = [];
  private ending: Promise<void> | null = null;
  private clusters = 0;

  private constructor(root: string, quick: boolean, services: Services) {
    this.root = root;
    this.quick = quick;
    this.services = services;
  }

  static async open(quick: boolean): Promise<Bench> {
    const root = mkdtempSync('/var/tmp/varve-bench-');
    try {
      chmodSync(root, 0o755); // the services' user has to get through
      const services = await startServices({ stateDir: join(root, 'services') });
      return new Bench(root, quick, services);
    } catch (error) {
      rmSync(root, { recursive: true, force: true });
      throw error;
    }
  }

  /** The one or the other, by whether a short run was asked for. */
  pick<T>(full: T, quick: T): T {
    return this.quick ? quick : full;
  }

  say(text: string): void {
    process.stderr.write(`bench: ${text}\n`);
  }

  /** Done by {@link close}, the latest first. */
  atEnd(ending: () => Promise<void>): void {
    this.endings.push(ending);
  }

  /** A bucket, a database and a broker's vhost of its own, so that nothing of an earlier measurement is in the way. */
  async startCluster(
    options: { instancesDir?: string; workerEnv?: Record<string, string> } = {},
  ): Promise<BenchCluster> {
    const name = `bench${++this.clusters}`;
    const { s3, bucket } = await this.freshStore(name);
    const cluster = await Cluster.start({
      root: join(this.root, name),
      postgresUrl: await this.services.createDatabase(name),
      amqpUrl: await this.services.createVhost(name),
      store: s3,
      ...(options.instancesDir === undefined ? {} : { instancesDir: options.instancesDir }),
      // As in production: a busy machine is no reason to give up.
      workerEnv: {
        VARVE_UPLOAD_GIVE_UP_S: '120',
        VARVE_STOP_GRACE_S: '30',
        ...options.workerEnv,
      },
    });
    this.atEnd(() => cluster.close());
    return { cluster, bucket };
  }

  async freshStore(name: string): Promise<{ s3: Extract<ClusterStore, { kind: 's3' }>; bucket: string }> {
    const settings = await this.services.createBucket(`varve-${name}`);
    return { s3: { kind: 's3', ...settings }, bucket: settings.bucket };
  }

  /** Ends what was started and deletes the folder, also after a part of that failed. */
  close(): Promise<void> {
    this.ending ??= this.end();
    return this.ending;
  }

  private async end(): Promise<void> {
    const failures: unknown[] = [];
    for (const ending of [...this.endings.reverse(), () => this.services.stop()]) {
      try {
        await ending();
      } catch (error) {
        failures.push(error);
      }
    }
    rmSync(this.root, { recursive: true, force: true });
    if (failures.length > 0) throw new AggregateError(failures, 'The bench could not tidy up');
  }
}

export interface BenchCluster {
  readonly cluster: Cluster;
  readonly bucket: string;
}
