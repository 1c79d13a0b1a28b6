import { ChainView, InstanceHint, OperationView } from '@varve/contracts';
import { isPassing, jsonOf } from './api-error.js';
import type { StreamEvent } from './event-stream.js';
import { eventsOf } from './event-stream.js';
import { sleep } from './sleep.js';

/** What is heard of the API while it goes on. */
export type LiveEvent =
  /** Connected, also again, or something may have been missed: what happened before is not told; ask for it. */
  | { readonly type: 'open' }
  /** The connection is lost, and is tried again by itself. Said once for each loss. */
  | { readonly type: 'away' }
  | { readonly type: 'operation'; readonly data: OperationView }
  | { readonly type: 'chain'; readonly data: ChainView }
  /** Something about it changed. */
  | { readonly type: 'instance'; readonly data: InstanceHint };

export interface LiveOptions {
  readonly signal?: AbortSignal;
  /** Longest wait between two tries to connect; milliseconds. */
  readonly maxWaitMs?: number;
  /** A stream that says nothing for so long is taken for dead; milliseconds. */
  readonly silenceMs?: number;
}

/** The first wait before another try; milliseconds. */
const FIRST_WAIT_MS = 250;

/**
 * Live events, for as long as the caller reads them, over as many connections as that takes.
 *
 * @throws {ApiError} refused in a way that another try would not change, such as a token that is none (any more)
 */
export async function* live(
  openStream: (signal: AbortSignal) => Promise<ReadableStream<Uint8Array>>,
  { signal, maxWaitMs = 5_000, silenceMs = 45_000 }: LiveOptions = {},
): AsyncGenerator<LiveEvent> {
  const stop = signal ?? new AbortController().signal;
  let away = false;
  for (let wait = FIRST_WAIT_MS; ; wait = Math.min(wait * 2, maxWaitMs)) {
    const silent = new AbortController();
    let timer = setTimeout(() => silent.abort(), silenceMs);
    try {
      const stream = await openStream(AbortSignal.any([stop, silent.signal]));
      yield { type: 'open' };
      away = false;
      wait = FIRST_WAIT_MS;
      let isReady = false;
      for await (const event of eventsOf(stream)) {
        clearTimeout(timer);
        timer = setTimeout(() => silent.abort(), silenceMs);
        // Said again, it means that the API itself may have missed something.
        if (event.type === 'ready' && isReady) yield { type: 'open' };
        isReady ||= event.type === 'ready';
        const told = understood(event);
        if (told) yield told;
      }
    } catch (error) {
      stop.throwIfAborted();
      // A stream breaks in many ways of the platform's; what the API itself says no to stays so.
      if (isRefusal(error)) throw error;
    } finally {
      clearTimeout(timer);
      silent.abort();
    }
    stop.throwIfAborted();
    if (!away) yield { type: 'away' };
    away = true;
    await sleep(wait, stop);
  }
}

const isRefusal = (error: unknown): boolean =>
  error instanceof Error && 'status' in error && !isPassing(error) && error.status !== 500;

/** `null`: a comment, or a kind that this client is too old for. */
function understood({ type, data }: StreamEvent): LiveEvent | null {
  switch (type) {
    case 'operation': {
      const view = OperationView.safeParse(jsonOf(data));
      return view.success ? { type, data: view.data } : null;
    }
    case 'chain': {
      const view = ChainView.safeParse(jsonOf(data));
      return view.success ? { type, data: view.data } : null;
    }
    case 'instance': {
      const hint = InstanceHint.safeParse(jsonOf(data));
      return hint.success ? { type, data: hint.data } : null;
    }
    default:
      return null;
  }
}
