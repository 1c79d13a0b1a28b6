import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import type { DatabaseSettings } from './data-source-options.js';
import type { Log } from './log.js';

/** A connection of its own that waits for NOTIFY, and comes back by itself. */
export class Listener {
  private readonly stopping = new AbortController();
  private client: Client | null = null;
  private readonly done: Promise<void>;

  constructor(
    private readonly settings: DatabaseSettings,
    private readonly channels: readonly string[],
    private readonly onMessage: (payload: string, channel: string) => void,
    private readonly onConnected: () => void,
    private readonly log: Log,
  ) {
    this.done = this.run();
  }

  private async run(): Promise<void> {
    for (let wait = 100; !this.stopping.signal.aborted; wait = Math.min(wait * 2, 5_000)) {
      try {
        await this.listenUntilClosed(() => (wait = 100));
      } catch (error) {
        this.log.warn({ reason: String(error), channels: this.channels }, 'not listening to the database');
      }
      // Ends early when stopped, which is no error.
      await sleep(wait, undefined, { signal: this.stopping.signal }).catch(() => undefined);
    }
  }

  private async listenUntilClosed(connected: () => void): Promise<void> {
    const client = new Client({
      connectionString: this.settings.url,
      application_name: `${this.settings.applicationName} listener`,
      connectionTimeoutMillis: 5_000,
      keepAlive: true,
    });
    const closed = new Promise<void>((resolve) => client.once('end', resolve));
    client.on('error', (error) => this.log.warn({ reason: String(error) }, 'the listening connection broke'));
    client.on('notification', ({ payload, channel }) => this.onMessage(payload ?? '', channel));
    this.client = client;
    try {
      await client.connect();
      for (const channel of this.channels) await client.query(`listen ${client.escapeIdentifier(channel)}`);
      connected();
      this.onConnected();
      if (!this.stopping.signal.aborted) await closed;
    } finally {
      this.client = null;
      // Already closed in most cases; ending twice is harmless, and a failure to say goodbye changes nothing.
      await client.end().catch(() => undefined);
    }
  }

  async close(): Promise<void> {
    this.stopping.abort();
    await this.client?.end().catch(() => undefined);
    await this.done;
  }
}
