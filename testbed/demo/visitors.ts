// `npm run demo -- --stay`: whatever somebody does in the page or by the command, the guest proves what came of it.
import { setTimeout as sleep } from 'node:timers/promises';
import type { OperationView, Page, RollbackView } from '@varve/contracts';
import type { Cluster } from '../cluster.ts';
import type { ProvingGuest } from '../guest/guest.ts';
import { until } from '../services/until.ts';
import type { Story } from './story.ts';

/** Long before a guest that goes back has booted. */
const LOOK_EVERY_MS = 200;
const PATIENCE = { deadlineMs: 300_000 };

export class Visitors {
  private readonly story: Story;
  private readonly cluster: Cluster;
  private readonly guest: ProvingGuest;
  private readonly writesPerSecond: number;

  constructor(story: Story, cluster: Cluster, guest: ProvingGuest, writesPerSecond: number) {
    this.story = story;
    this.cluster = cluster;
    this.guest = guest;
    this.writesPerSecond = writesPerSecond;
  }

  /** Until the process ends. */
  async accompany(): Promise<never> {
    let last = (await this.newest())?.id;
    for (;;) {
      await sleep(LOOK_EVERY_MS);
      const operation = await this.newest();
      if (!operation || operation.id === last) continue;
      last = operation.id;
      await this.see(operation);
    }
  }

  private async see({ id, kind, createdAt }: OperationView): Promise<void> {
    const at = new Date(createdAt).toLocaleTimeString('en-GB');
    if (kind !== 'rollback' && kind !== 'undo') {
      const { state, problem } = await this.end(id);
      this.story.say(`  ${at}  ${kind}: ${state}${problem ? `, ${problem.message}` : ''}`);
      return;
    }
    this.story.say(`  ${at}  ${kind} asked for`);
    // At once, and without a question to a guest that may be down by now. Any state that there was may be gone back to.
    this.guest.announceRollback({ acked: 0, upto: Number.MAX_SAFE_INTEGER });
    const { state, problem } = await this.end(id);
    if (state !== 'succeeded') {
      this.guest.cancelRollback();
      this.story.say(`            ${state}${problem ? `: ${problem.message}` : ''}`);
      return;
    }
    const { downtimeMs, fetchedBytes } = await this.get<RollbackView>(`rollbacks/${id}`);
    await this.guest.waitReady();
    const { good, op, text } = await this.guest.state();
    const facts = `down for ${((downtimeMs ?? 0) / 1000).toFixed(1)} s, ${fetchedBytes ?? 0} bytes fetched`;
    this.story.check(
      'the guest has read its whole disk',
      good,
      good ? `the state after its write ${op}; ${facts}` : text,
    );
    await this.guest.load({ perSecond: this.writesPerSecond });
  }

  private end(id: string): Promise<OperationView> {
    return until(
      'the operation has ended',
      async () => {
        const operation = await this.get<OperationView>(`operations/${id}`);
        return operation.finishedAt !== null && operation;
      },
      PATIENCE,
    );
  }

  private async newest(): Promise<OperationView | undefined> {
    const { items } = await this.get<Page<OperationView>>(`operations?instanceId=${this.guest.id}&limit=1`);
    return items[0];
  }

  private async get<View>(path: string): Promise<View> {
    const { status, body } = await this.cluster.request('GET', `/v1/${path}`);
    if (status !== 200) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`);
    return body as View;
  }
}
