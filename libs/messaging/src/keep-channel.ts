import { setTimeout as sleep } from 'node:timers/promises';
import type { ConfirmChannel, RecoveringChannelModel } from 'amqplib';
import type { Log } from './log.js';

export interface KeptChannel {
  /** `null` while there is none. */
  readonly current: ConfirmChannel | null;
  /** @returns `null`: none came within the time */
  wait(timeoutMs: number): Promise<ConfirmChannel | null>;
  close(): Promise<void>;
}

/**
 * A channel that comes back. amqplib brings a lost connection back, but not a channel that the broker closed alone, as
 * it does after an acknowledgement time-out or a failed declaration: consumers would be gone without a word.
 *
 * @param open - declares, sets the prefetch, consumes; called for every new channel
 */
export function keepChannel(
  connection: RecoveringChannelModel,
  open: (channel: ConfirmChannel) => Promise<void>,
  log: Log,
): KeptChannel {
  const stopping = new AbortController();
  let current: ConfirmChannel | null = null;
  let waiting: (() => void)[] = [];

  const openOnce = async (opened: () => void): Promise<void> => {
    const channel = await connection.createConfirmChannel();
    const closed = new Promise<void>((resolve) => channel.once('close', () => resolve()));
    let broken: Error | null = null;
    channel.on('error', (error) => (broken = error));
    try {
      await open(channel);
    } catch (error) {
      await channel.close().catch(() => undefined); // closed already in most cases; the first error tells why
      throw error;
    }
    current = channel;
    for (const tell of waiting.splice(0)) tell();
    opened();
    if (stopping.signal.aborted) await channel.close();
    await closed;
    current = null;
    if (broken) throw broken;
  };

  const done = (async () => {
    for (let wait = 100; !stopping.signal.aborted; wait = Math.min(wait * 2, 5_000)) {
      try {
        await openOnce(() => (wait = 100));
      } catch (error) {
        current = null;
        if (!stopping.signal.aborted) log.warn({ reason: String(error) }, 'a channel to the broker broke');
      }
      // Ends early when stopped, which is no error.
      await sleep(wait, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  })();

  return {
    get current() {
      return current;
    },
    async wait(timeoutMs) {
      if (current || stopping.signal.aborted) return current;
      await new Promise<void>((resolve) => {
        const tell = (): void => {
          clearTimeout(timer);
          resolve();
        };
        const timer = setTimeout(() => {
          waiting = waiting.filter((other) => other !== tell);
          resolve();
        }, timeoutMs);
        waiting.push(tell);
      });
      return current;
    },
    async close() {
      stopping.abort();
      for (const tell of waiting.splice(0)) tell();
      waiting = [];
      // Whatever is wrong with the channel: it is being given up.
      await current?.close().catch(() => undefined);
      // While the connection is down, a new channel is waited for: closing the connection ends that.
      void done;
    },
  };
}
