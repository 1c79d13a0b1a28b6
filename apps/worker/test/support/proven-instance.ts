// An instance whose guest vouches for its disk: what it wrote by when is known, and whatever is read is compared.
import { execFile } from 'node:child_process';
import { basename, dirname } from 'node:path';
import { promisify } from 'node:util';
import type { ChainView, CreateSnapshot, OperationView, RollbackView, SnapshotView } from '@varve/contracts';
import { expect } from 'vitest';
import type { z } from 'zod';
import type { ProvingGuest } from '../../../../testbed/guest/guest.ts';
import { until } from '../../../../testbed/services/until.ts';
import type { Product } from './product.js';

const run = promisify(execFile);

/** The states that a restore point may show: all that was flushed before it was asked for, nothing from after it. */
export interface Bounds {
  readonly acked: number;
  readonly upto: number;
}

export interface Point extends Bounds {
  readonly snapshot: SnapshotView;
  readonly operation: OperationView;
}

export class ProvenInstance {
  constructor(
    private readonly product: Product,
    readonly guest: ProvingGuest,
  ) {}

  get id(): string {
    return this.guest.id;
  }

  /** What a state may show that is taken from now on until the bounds are asked for. */
  async watch(): Promise<() => Promise<Bounds>> {
    const { acked } = await this.firstWrite();
    return async () => ({ acked, upto: (await this.guest.stat()).op });
  }

  /** The guest's count so far. A state that a boot found has no number in that boot's own: there must be a write. */
  async firstWrite(): Promise<Bounds> {
    const { boot, op, acked, running } = await this.guest.stat();
    if (acked >= boot) return { acked, upto: op };
    if (!running) await this.guest.write(1);
    await until('the guest has flushed a write', async () => (await this.guest.stat()).acked >= boot);
    return this.firstWrite();
  }

  /** Takes a snapshot of the running instance to its end, and has the guest read all its frozen data at once. */
  async snapshot(body: z.input<typeof CreateSnapshot> = { quiesce: 'none' }): Promise<Point> {
    const bounds = await this.watch();
    const { uid, operationId } = await this.product.client.createSnapshot(this.id, body);
    const operation = await this.product.finished(operationId);
    const point = { ...(await bounds()), operation, snapshot: await this.product.client.snapshot(uid) };
    await this.expectSound();
    expect(operation.chainLength ?? 0).toBeLessThanOrEqual(4);
    return point;
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
    expect(await this.guest.verify()).toMatchObject({ damaged: 0, wrong: 0 });
    expect(await this.guest.stat()).toMatchObject({ errors: 0 });
  }

  /** The guest, which has been restarted, finds a state of its disk between these bounds. Writes must not have begun. */
  async expectState({ acked, upto }: Bounds): Promise<void> {
    await this.guest.waitReady(120_000);
    const state = await this.guest.state();
    expect(state.good ? 'good' : state.text).toBe('good');
    expect(state.op).toBeGreaterThanOrEqual(acked);
    expect(state.op).toBeLessThanOrEqual(upto);
  }

  /** Rolls back to its end and has the rebooted guest find itself there. */
  async goBackTo(point: Point): Promise<RollbackView> {
    const target = { snapshotUid: point.snapshot.uid };
    const plan = await this.product.client.rollbackPlan(this.id, target);
    expect(plan.refusal).toBeNull();
    this.guest.announceRollback(point);
    const { id } = await this.product.client.createRollback(this.id, target);
    expect(await this.product.finished(id)).toMatchObject({ state: 'succeeded', problem: null });
    await this.expectState(point);
    const rollback = await this.product.client.rollback(id);
    expect(rollback.fetchedBytes, 'no more than was said before').toBeLessThanOrEqual(plan.fetchBytesAtMost);
    return rollback;
  }

  /** Takes a rollback back; `bounds` are those of what it replaced. */
  async undo(rollback: RollbackView, bounds: Bounds): Promise<RollbackView> {
    this.guest.announceRollback(bounds);
    const { id } = await this.product.client.undoRollback(rollback.id);
    expect(await this.product.finished(id)).toMatchObject({ state: 'succeeded', problem: null });
    await this.expectState(bounds);
    return this.product.client.rollback(id);
  }

  /** The instance's own layers as QEMU's tools find them, active layer first. */
  async ownLayers(): Promise<string[]> {
    return (await this.images()).filter(({ format }) => format === 'qcow2').map(({ filename }) => filename);
  }

  /** The chain that the API tells of is what QEMU's tools find, as soon as the host has said so. The guest must not write. */
  async chainAsTold(): Promise<ChainView> {
    return until('the chain that is told is the one that is there', async () => {
      const [base, ...own] = (await this.images()).reverse();
      const told = await this.product.client.chain(this.id);
      expect(told.base).toEqual({ name: basename(base?.filename ?? ''), sizeBytes: base?.['virtual-size'] });
      expect(told.layers.map(({ allocatedBytes }) => allocatedBytes)).toEqual(own.map((image) => image['actual-size']));
      return told;
    });
  }

  /** Active layer first, base image last. */
  private async images(): Promise<
    { filename: string; format: string; 'actual-size': number; 'virtual-size': number }[]
  > {
    const { stdout } = await run('qemu-img', [
      'info',
      '-U',
      '--backing-chain',
      '--output=json',
      '-f',
      'qcow2',
      this.guest.files.disk,
    ]);
    return JSON.parse(stdout) as Awaited<ReturnType<ProvenInstance['images']>>;
  }

  /** What the instance's directory takes on the disk. */
  async allocatedBytes(): Promise<number> {
    const { stdout } = await run('du', ['--summarize', '--block-size=1', dirname(this.guest.files.disk)]);
    return Number.parseInt(stdout, 10);
  }

  /** Reads from the host what lies below the active layer; nobody writes to it. */
  async expectSealedState(bounds: Bounds): Promise<void> {
    const [, sealed = ''] = await this.ownLayers();
    const verdict = await this.guest.check(sealed, bounds);
    expect(verdict.good ? 'good' : verdict.text).toBe('good');
  }

  /** A snapshot's pause of the guest and the like must be over: it writes on. */
  async expectProgress(): Promise<void> {
    const { op } = await this.guest.stat();
    await until('the guest writes on', async () => (await this.guest.stat()).op > op);
  }
}
