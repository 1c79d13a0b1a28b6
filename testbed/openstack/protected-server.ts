// A server under Varve's protection whose guest vouches for its disk: what it had flushed by when is known, and whatever
// a rollback brings back is compared with that.
import type { VarveClient } from '@varve/api-client';
import type { CreateSnapshot, OperationView, RollbackView, SnapshotView } from '@varve/contracts';
import { expect } from 'vitest';
import type { z } from 'zod';
import type { Cluster } from '../cluster.ts';
import { finishedOperation } from '../finished-operation.ts';
import type { ProvingServer } from './proving-server.ts';

/** The states that a restore point may show: all that was flushed before it was asked for, nothing from after it. */
export interface Bounds {
  readonly acked: number;
  readonly upto: number;
}

export interface Point extends Bounds {
  readonly snapshot: SnapshotView;
  readonly operation: OperationView;
}

export class ProtectedServer {
  readonly server: ProvingServer;
  readonly client: VarveClient;
  private readonly cluster: Cluster;

  constructor(server: ProvingServer, client: VarveClient, cluster: Cluster) {
    this.server = server;
    this.client = client;
    this.cluster = cluster;
  }

  get id(): string {
    return this.server.id;
  }

  /** The operation's end, whatever it is. */
  finished(id: string, deadlineMs = 600_000): Promise<OperationView> {
    return finishedOperation(this.client, id, { deadlineMs, cluster: this.cluster });
  }

  /** Takes a snapshot to its end, and has the guest, if it runs, read all its frozen data at once. */
  async snapshot(body: z.input<typeof CreateSnapshot> = { quiesce: 'none' }): Promise<Point> {
    const running = (await this.server.power()) === 'running';
    // A state that a boot found has no number in that boot's own: there must be a write.
    if (running) await this.server.wrote(1);
    const { acked } = running ? await this.server.stat() : { acked: this.server.acked() };
    const { uid, operationId } = await this.client.createSnapshot(this.id, body);
    const operation = await this.finished(operationId);
    const { op: upto } = running ? await this.server.stat() : { op: acked };
    if (running) await this.expectSound();
    expect(operation.chainLength ?? 0).toBeLessThanOrEqual(4);
    return { acked, upto, operation, snapshot: await this.client.snapshot(uid) };
  }

  /** The same, and it must have worked. */
  async snapshotWell(body?: z.input<typeof CreateSnapshot>): Promise<Point> {
    const point = await this.snapshot(body);
    expect(point).toMatchObject({
      operation: { state: 'succeeded', problem: null },
      snapshot: { status: 'available', problem: null },
    });
    return point;
  }

  /** The guest, while it runs, reads what it has written; nothing is lost, torn, misplaced, or refused. */
  async expectSound(): Promise<void> {
    expect(await this.server.verify()).toMatchObject({ damaged: 0, wrong: 0 });
    expect(await this.server.stat()).toMatchObject({ errors: 0 });
  }

  /** Rolls back to its end; Nova has it ACTIVE, and the rebooted guest found itself there. */
  async goBackTo(point: Point): Promise<RollbackView> {
    const from = this.server.mark();
    this.server.announceRollback(point);
    const { id } = await this.client.createRollback(this.id, { snapshotUid: point.snapshot.uid });
    expect(await this.finished(id)).toMatchObject({ state: 'succeeded', problem: null });
    await this.server.booted(from);
    await this.server.waitFor('ACTIVE');
    await this.expectHistory();
    return this.client.rollback(id);
  }

  /** Every boot so far found what it had to: the announced state, or all that was flushed. Ends the writing. */
  async expectHistory(): Promise<void> {
    const state = await this.server.state();
    expect(state.good ? 'good' : state.text).toBe('good');
  }
}
