import type { VarveEvent } from '@varve/contracts';
import { VarveEvent as VarveEventSchema } from '@varve/contracts';
import type { HostName } from '@varve/core';
import { unsentIn } from '@varve/procedures';
import type { Journal } from '@varve/procedures';
import type { Logger } from 'pino';
import { setTimeout as sleep } from 'node:timers/promises';

/** Where events go; resolves when the broker has confirmed. */
export interface EventSink {
  publishEvent(event: VarveEvent): Promise<void>;
}

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 15_000;

/** Tells the world what happened on this host. */
export class Reporter {
  private readonly sending = new WeakMap<Journal, Promise<void>>();

  constructor(
    private readonly host: HostName,
    private readonly sink: EventSink,
    private readonly log: Logger,
    private readonly shutdown: AbortSignal,
  ) {}

  /**
   * Sends what the journal has on record, in order, and marks each as sent when the broker has confirmed it. Tries for
   * as long as it takes: the broker being away must not lose an event, and holds up nothing but the journal's end.
   *
   * @throws when the worker shuts down, or the journal can't be written
   */
  flush(journal: Journal): Promise<void> {
    // Whoever asked for the send before hears of its failure; this one tries again.
    const before = this.sending.get(journal) ?? Promise.resolve();
    const now = before.catch(() => undefined).then(() => this.send(journal));
    this.sending.set(journal, now);
    return now;
  }

  /** Nobody waits for it; may be lost. */
  async report(event: Pick<VarveEvent, 'type' | 'data'> & { subject: string }): Promise<void> {
    try {
      await this.sink.publishEvent(this.envelope(crypto.randomUUID(), event.type, event.subject, event.data));
    } catch (error) {
      this.log.debug({ err: error, type: event.type }, 'an event that may be lost was lost');
    }
  }

  /** For what has no journal. Resolves when the broker has confirmed. */
  publish(id: string, type: string, subject: string, data: object): Promise<void> {
    return this.sink.publishEvent(this.envelope(id, type, subject, data));
  }

  /** The same, for as long as it takes. @throws when the worker shuts down */
  insist(id: string, type: string, subject: string, data: object): Promise<void> {
    return this.untilConfirmed(this.envelope(id, type, subject, data));
  }

  private async send(journal: Journal): Promise<void> {
    const { operationId, request } = journal.head;
    const { instanceId } = request as { instanceId: string };
    for (const { id, type, data } of unsentIn(journal)) {
      const event = this.envelope(id, type, instanceId, { operationId, instanceId, ...(data as object) });
      await this.untilConfirmed(event);
      await journal.append({ kind: 'announced', id });
    }
  }

  private async untilConfirmed(event: VarveEvent): Promise<void> {
    for (let wait = FIRST_WAIT_MS; ; wait = Math.min(2 * wait, LONGEST_WAIT_MS)) {
      try {
        await this.sink.publishEvent(event);
        return;
      } catch (error) {
        this.log.warn({ err: error, type: event.type, id: event.id }, 'an event is not confirmed yet');
        await sleep(wait, undefined, { signal: this.shutdown });
      }
    }
  }

  /** Parsed before it leaves: what we send is what the schemas say. */
  private envelope(id: string, type: string, subject: string, data: object): VarveEvent {
    return VarveEventSchema.parse({
      specversion: '1.0',
      id,
      source: `/varve/hosts/${this.host}`,
      type,
      subject,
      time: new Date().toISOString(),
      datacontenttype: 'application/json',
      data,
    });
  }
}
