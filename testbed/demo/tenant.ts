// Who uses the product in the demo: clicks through the `varve` command, and has the guest prove what came of it.
import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import type { Cluster } from '../cluster.ts';
import type { ProvingGuest } from '../guest/guest.ts';
import { until } from '../services/until.ts';
import type { Story } from './story.ts';

const CHECKOUT = resolve(import.meta.dirname, '../..');
const MIB = 1024 * 1024;
const mib = (bytes: number): string => `${(bytes / MIB).toFixed(2)} MiB`;

/** A restore point and what is known of the guest's state in it. */
export interface Point {
  readonly name: string;
  readonly uid: string;
  readonly healed: boolean;
  /** The state holds every write up to `acked`, and none after `upto`. */
  readonly acked: number;
  readonly upto: number;
}

interface Snapshot {
  readonly uid: string;
  readonly status: string;
  readonly stallMs: number | null;
  readonly changedBytes: number | null;
  readonly uploadedBytes: number | null;
  readonly healed: boolean;
  readonly operationId: string;
  readonly problem: { code: string; message: string } | null;
}

interface Rollback {
  readonly id: string;
  readonly state: string;
  readonly fetchedBytes: number;
  readonly localBytes: number;
  readonly downtimeMs: number;
}

export class Tenant {
  private readonly story: Story;
  private readonly cluster: Cluster;
  private readonly guest: ProvingGuest;
  private readonly snapshots: string[][] = [];
  private readonly rollbacks: string[][] = [];

  constructor(story: Story, cluster: Cluster, guest: ProvingGuest) {
    this.story = story;
    this.cluster = cluster;
    this.guest = guest;
  }

  async isKnown(): Promise<boolean> {
    return (await this.cluster.request('GET', `/v1/instances/${this.guest.id}`)).status === 200;
  }

  async hasState(state: string): Promise<boolean> {
    const { body } = await this.cluster.request('GET', `/v1/instances/${this.guest.id}`);
    return (body as { state: string }).state === state;
  }

  async letWrite(writes: number): Promise<void> {
    const from = await this.guest.ops();
    await until(`the guest has written ${writes} blocks`, async () => (await this.guest.ops()) >= from + writes);
  }

  async snapshot(name: string): Promise<Point> {
    const { snapshot, acked, upto, seconds } = await this.takeSnapshot(name);
    if (snapshot.status !== 'available') {
      throw new Error(`Snapshot ${name} is ${snapshot.status}: ${snapshot.problem?.message ?? 'no reason given'}`);
    }
    const { stallMs, changedBytes, uploadedBytes, healed, uid } = snapshot;
    this.snapshots.push([
      name,
      stallMs === null ? 'stopped' : stallMs.toFixed(2),
      mib(changedBytes ?? 0),
      mib(uploadedBytes ?? 0),
      await this.layersAfter(snapshot),
      seconds.toFixed(1),
    ]);
    const stall = stallMs === null ? '' : `, the guest waited ${stallMs.toFixed(2)} ms at most`;
    this.story.check(name, true, `${mib(uploadedBytes ?? 0)} stored for ${mib(changedBytes ?? 0)} changed${stall}`);
    await this.proveLive();
    return { name, uid, healed, acked, upto };
  }

  async snapshotThatFails(name: string): Promise<void> {
    const { snapshot, seconds } = await this.takeSnapshot(name);
    const code = snapshot.problem?.code ?? 'none';
    this.story.check(
      `${name} fails, and says so`,
      snapshot.status === 'error',
      `status ${snapshot.status}, code ${code}`,
    );
    const stall = snapshot.stallMs === null ? '-' : snapshot.stallMs.toFixed(2);
    const layers = await this.layersAfter(snapshot);
    this.snapshots.push([`${name} (failed)`, stall, '-', '-', layers, seconds.toFixed(1)]);
    await this.proveLive();
  }

  async rollback(point: Point): Promise<string> {
    this.guest.announceRollback(point);
    const rollback = await this.varve<Rollback>(['rollback', this.guest.id, '--to', point.uid, '--yes']);
    await this.proveState(`the guest is back at ${point.name}`, point);
    this.note(`to ${point.name}`, rollback);
    return rollback.id;
  }

  async undo(id: string, state: { acked: number; upto: number }): Promise<void> {
    this.guest.announceRollback(state);
    const undo = await this.varve<Rollback>(['rollback', 'undo', id, '--yes']);
    await this.proveState('the guest is where it was before', state);
    this.note('undo', undo);
  }

  printTables(): void {
    const header = ['snapshot', 'stall ms', 'changed', 'uploaded', 'layers', 'seconds'];
    this.story.table('Snapshots', header, this.snapshots);
    this.story.table('Rollbacks', ['rollback', 'fetched', 'found here', 'seconds down'], this.rollbacks);
  }

  private note(name: string, { fetchedBytes, localBytes, downtimeMs }: Rollback): void {
    this.rollbacks.push([name, mib(fetchedBytes), mib(localBytes), (downtimeMs / 1000).toFixed(1)]);
  }

  private async takeSnapshot(
    name: string,
  ): Promise<{ snapshot: Snapshot; acked: number; upto: number; seconds: number }> {
    const alive = this.guest.isAlive();
    const acked = alive ? (await this.guest.stat()).acked : 0;
    const start = performance.now();
    // Of a snapshot that fails the command says why, on stderr, and gives no answer.
    const answer = await this.varve<Snapshot>(['snapshot', 'create', this.guest.id, '--name', name], [0, 1]);
    const snapshot = answer ?? (await this.newest());
    const seconds = (performance.now() - start) / 1000;
    return { snapshot, acked, upto: alive ? (await this.guest.stat()).op : Number.MAX_SAFE_INTEGER, seconds };
  }

  /** The instance's own layers when the snapshot was over. */
  private async layersAfter({ operationId }: Snapshot): Promise<string> {
    const { body } = await this.cluster.request('GET', `/v1/operations/${operationId}`);
    return String((body as { chainLength: number | null }).chainLength ?? '-');
  }

  private async newest(): Promise<Snapshot> {
    const { body } = await this.cluster.request('GET', `/v1/instances/${this.guest.id}/snapshots?limit=1`);
    const [snapshot] = (body as { items: Snapshot[] }).items;
    if (!snapshot) throw new Error('There is no snapshot');
    return snapshot;
  }

  /** Under load: what was sealed must read as it did. */
  private async proveLive(): Promise<void> {
    if (!this.guest.isAlive()) return;
    const { damaged, wrong } = await this.guest.verify();
    this.story.check('the guest has read its whole disk', damaged + wrong === 0, `${damaged + wrong} blocks wrong`);
  }

  private async proveState(what: string, { acked, upto }: { acked: number; upto: number }): Promise<void> {
    await this.guest.waitReady();
    const { good, op, text } = await this.guest.state();
    const right = good && op >= acked && op <= upto;
    this.story.check(what, right, right ? `it reads the state right after its write ${op}` : text);
  }

  /** Runs the command; its progress goes to the terminal, its answer comes back. */
  private varve<T>(words: readonly string[]): Promise<T>;
  private varve<T>(words: readonly string[], allowed: readonly number[]): Promise<T | null>;
  private varve<T>(words: readonly string[], allowed: readonly number[] = [0]): Promise<T | null> {
    this.story.command(words);
    const cli = join(CHECKOUT, 'dist/apps/cli/main.js');
    const child = spawn(process.execPath, [cli, '--json', ...words], {
      env: { ...process.env, ...this.cluster.cliEnv() },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (piece: string) => (output += piece));
    return new Promise((done, fail) => {
      child.once('error', fail);
      child.once('close', (code) => {
        if (allowed.includes(code ?? -1)) done(output === '' ? null : (JSON.parse(output) as T));
        else fail(new Error(`varve ${words.join(' ')} ended with ${code}: ${output}`));
      });
    });
  }
}
