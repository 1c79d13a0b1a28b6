import type { OperationState } from '@varve/contracts';
import { OperationView } from '@varve/contracts';
import { isPassing, jsonOf } from './api-error.js';
import { eventsOf } from './event-stream.js';
import { sleep } from './sleep.js';

export interface WatchOptions {
  readonly signal?: AbortSignal;
  /** How often to ask where the live stream can't be had; milliseconds. */
  readonly pollMs?: number;
  /** How long the API may be away before the watch gives up; milliseconds. The operation itself goes on. */
  readonly patienceMs?: number;
  /** A stream that says nothing for so long is taken for dead; milliseconds. */
  readonly silenceMs?: number;
}

/** What a watch needs of the API. */
export interface WatchSource {
  operation(signal: AbortSignal): Promise<OperationView>;
  openStream(signal: AbortSignal): Promise<ReadableStream<Uint8Array>>;
}

const isOver: Readonly<Record<OperationState, boolean>> = {
  queued: false,
  running: false,
  succeeded: true,
  failed: true,
  cancelled: true,
};

export const isFinished = (operation: OperationView): boolean => isOver[operation.state];

/** How long a stream may take to its first event, which the API sends at once. Milliseconds. */
const FIRST_EVENT_MS = 5_000;
/** How many times to ask before a stream that could not be had is tried again. */
const POLLS_BETWEEN_TRIES = 30;

/**
 * Follows an operation to its end: the state now, then every change that is heard of; the last view is the final one.
 *
 * Live events come by a stream. Whenever it breaks, the operation is asked for once, so that nothing that happened in
 * between is missed, and the stream is opened again; where there is none to be had (a proxy that holds events back, an
 * old API), asking is all there is.
 *
 * @throws {ApiError} the API refused, or was away for longer than `patienceMs`
 */
export async function* watch(
  source: WatchSource,
  { signal, pollMs = 1_000, patienceMs = 120_000, silenceMs = 45_000 }: WatchOptions = {},
): AsyncGenerator<OperationView> {
  const stop = signal ?? new AbortController().signal;
  let last = '';
  let awaySince: number | null = null;
  let pollsToNextTry = 0;

  for (let first = true; ; first = false) {
    if (!first) await sleep(pollMs, stop);
    let now: OperationView;
    try {
      now = await source.operation(stop);
      awaySince = null;
    } catch (error) {
      if (stop.aborted || !isPassing(error)) throw error;
      awaySince ??= Date.now();
      if (Date.now() - awaySince > patienceMs) throw error;
      continue;
    }
    if (JSON.stringify(now) !== last) yield now;
    if (isFinished(now)) return;
    last = JSON.stringify(now);

    if (pollsToNextTry-- > 0) continue;
    pollsToNextTry = POLLS_BETWEEN_TRIES;
    for await (const view of streamed(source, stop, silenceMs)) {
      pollsToNextTry = 0;
      if (JSON.stringify(view) !== last) yield view;
      if (isFinished(view)) return;
      last = JSON.stringify(view);
    }
    stop.throwIfAborted();
  }
}

/** Ends, without an error, when the stream does or can't be had: the caller then asks and so learns what is wrong. */
async function* streamed(source: WatchSource, stop: AbortSignal, silenceMs: number): AsyncGenerator<OperationView> {
  const silent = new AbortController();
  const signal = AbortSignal.any([stop, silent.signal]);
  let timer = setTimeout(() => silent.abort(), Math.min(FIRST_EVENT_MS, silenceMs));
  try {
    for await (const event of eventsOf(await source.openStream(signal))) {
      clearTimeout(timer);
      timer = setTimeout(() => silent.abort(), silenceMs);
      // Under whatever name; a comment only tells that the other end lives.
      const view = OperationView.safeParse(jsonOf(event.data));
      if (view.success) yield view.data;
    }
  } catch {
    // A stream ends in many ways, also in a TypeError of the platform, and asking is the answer to all of them.
    return;
  } finally {
    clearTimeout(timer);
    silent.abort();
  }
}
