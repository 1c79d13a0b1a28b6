// A proving guest together with what the product's API says and does about it.
import type { OperationView, RollbackView, SnapshotView } from '@varve/contracts';
import type { Cluster } from '../cluster.ts';
import { ProvingGuest } from '../guest/guest.ts';
import type { GuestOptions } from '../guest/layout.ts';
import { until } from '../services/until.ts';
import type { Bench } from './bench.ts';

export interface TakenSnapshot {
  readonly snapshot: SnapshotView;
  readonly operation: OperationView;
  /** `Date.now()` right before the request. */
  readonly askedAt: number;
}

export interface DoneRollback {
  readonly rollback: RollbackView;
  readonly seconds: number;
}

export class Instance {
  readonly guest: ProvingGuest;
  private readonly cluster: Cluster;

  private constructor(cluster: Cluster, guest: ProvingGuest) {
    this.cluster = cluster;
    this.guest = guest;
  }

  /** Boots one that writes nothing by itself, and returns when the API lists it. */
  static async boot(bench: Bench, cluster: Cluster, options: Omit<GuestOptions, 'instances'> = {}): Promise<Instance> {
    const guest = await ProvingGuest.create({ instances: cluster.instancesDir, ...options });
    bench.atEnd(() => guest.dispose());
    await guest.boot();
    const path = `/v1/instances/${guest.id}`;
    await until('the API lists the instance as running', async () => {
      const { status, body } = await cluster.request('GET', path);
      return status === 200 && (body as { state: string }).state === 'running';
    });
    return new Instance(cluster, guest);
  }

  /**
   * Returns when all is done, the merge too.
   *
   * @throws {Error} it failed, or the layer could not be stored
   */
  async snapshot(): Promise<TakenSnapshot> {
    const askedAt = Date.now();
    const asked = await this.post<SnapshotView>(`/v1/instances/${this.guest.id}/snapshots`, { quiesce: 'none' });
    const operation = await this.finished(asked.operationId);
    const snapshot = await this.get<SnapshotView>(`/v1/snapshots/${asked.uid}`);
    if (snapshot.status !== 'available') throw new Error(`A snapshot failed: ${JSON.stringify(snapshot.problem)}`);
    return { snapshot, operation, askedAt };
  }

  async rollback(snapshotUid: string): Promise<DoneRollback> {
    return this.swap(`/v1/instances/${this.guest.id}/rollbacks`, { snapshotUid });
  }

  async undo(rollbackId: string): Promise<DoneRollback> {
    return this.swap(`/v1/rollbacks/${rollbackId}/undo`, undefined);
  }

  private async swap(path: string, body: unknown): Promise<DoneRollback> {
    const begun = performance.now();
    const { id } = await this.post<RollbackView>(path, body);
    await this.finished(id);
    const seconds = (performance.now() - begun) / 1000;
    return { rollback: await this.get<RollbackView>(`/v1/rollbacks/${id}`), seconds };
  }

  private async finished(operationId: string): Promise<OperationView> {
    const operation = await until(
      'the operation has ended',
      async () => {
        const now = await this.get<OperationView>(`/v1/operations/${operationId}`);
        const isOver = ['succeeded', 'failed', 'cancelled'].includes(now.state);
        return (isOver || this.cluster.worker.pid === null) && now;
      },
      { deadlineMs: 180_000, everyMs: 50 },
    );
    this.cluster.worker.assertRunning();
    if (operation.state !== 'succeeded') {
      throw new Error(`A ${operation.kind} has ${operation.state}: ${JSON.stringify(operation.problem)}`);
    }
    return operation;
  }

  private async get<T>(path: string): Promise<T> {
    const { status, body } = await this.cluster.request('GET', path);
    if (status !== 200) throw new Error(`GET ${path}: ${status} ${JSON.stringify(body)}`);
    return body as T;
  }

  private async post<T>(path: string, body: unknown): Promise<T> {
    const { status, body: answer } = await this.cluster.request('POST', path, { body });
    if (status !== 202) throw new Error(`POST ${path}: ${status} ${JSON.stringify(answer)}`);
    return answer as T;
  }
}
