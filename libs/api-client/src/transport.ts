import pRetry from 'p-retry';
import type { z } from 'zod';
import { ApiError, isPassing, notUnderstood, refusalOf, unreachable } from './api-error.js';
import { sleep } from './sleep.js';

export interface TransportOptions {
  /** Where the API answers, with or without a path before `/v1`. */
  readonly url: string;
  readonly token: string;
  /** Another fetch, e.g. with a client certificate. */
  readonly fetch?: typeof fetch;
  /** How long one request may take, retries not counted; milliseconds. */
  readonly timeoutMs?: number;
  /** How often a request that failed in passing is made again. */
  readonly retries?: number;
}

export type ApiQuery = Readonly<Record<string, string | number | boolean | undefined>>;

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** From `/v1` on, with ids already encoded. */
  readonly path: string;
  readonly query?: ApiQuery;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

/** The longest that a `Retry-After` is obeyed; beyond it the caller had better hear of it. Milliseconds. */
const MAX_RETRY_AFTER_MS = 15_000;

/** One HTTP request after another: credentials, time-outs, retries, errors. Works wherever there is a global fetch. */
export class Transport {
  readonly #base: string;
  readonly #token: string;
  readonly #fetch: typeof fetch;
  readonly #timeoutMs: number;
  readonly #retries: number;

  constructor({ url, token, fetch: ownFetch, timeoutMs = 30_000, retries = 4 }: TransportOptions) {
    this.#base = url.replace(/\/+$/, '');
    this.#token = token;
    // Called as a plain function: a browser's fetch refuses any other `this` than the window.
    this.#fetch = ownFetch ?? ((input, init) => fetch(input, init));
    this.#timeoutMs = timeoutMs;
    this.#retries = retries;
  }

  /**
   * Every request is safe to make twice: GET and DELETE by nature, POST by an Idempotency-Key of its own.
   *
   * @throws {ApiError} with what the API said, or after the last retry
   */
  async send<Schema extends z.ZodType>(request: ApiRequest, schema: Schema): Promise<z.output<Schema>> {
    const idempotencyKey = request.method === 'POST' ? newIdempotencyKey() : null;
    return this.#retrying(request.signal, async () => {
      const response = await this.#once(request, {
        accept: 'application/json',
        ...(idempotencyKey === null ? {} : { 'idempotency-key': idempotencyKey }),
      });
      const text = await textOf(response);
      const parsed = schema.safeParse(text === '' ? undefined : parseJson(response, text));
      if (!parsed.success) throw notUnderstood(response, parsed.error.message, parsed.error);
      return parsed.data;
    });
  }

  /** A stream of server-sent events. Only the wait for its headers has a time-out, and nothing is retried. */
  async openStream(path: string, signal: AbortSignal, query: ApiQuery = {}): Promise<ReadableStream<Uint8Array>> {
    const headersLate = new AbortController();
    const timer = setTimeout(
      () => headersLate.abort(new DOMException('no answer in time', 'TimeoutError')),
      this.#timeoutMs,
    );
    try {
      const response = await this.#fetchOk(
        { method: 'GET', path, query },
        { accept: 'text/event-stream' },
        AbortSignal.any([signal, headersLate.signal]),
      );
      const type = response.headers.get('content-type') ?? '';
      if (!type.startsWith('text/event-stream') || response.body === null) {
        await response.body?.cancel();
        throw notUnderstood(response, `expected a stream of events, got ${type || 'nothing'}`);
      }
      return response.body;
    } finally {
      clearTimeout(timer);
    }
  }

  async #once(request: ApiRequest, headers: Record<string, string>): Promise<Response> {
    const timeout = AbortSignal.timeout(this.#timeoutMs);
    return this.#fetchOk(request, headers, request.signal ? AbortSignal.any([request.signal, timeout]) : timeout);
  }

  async #fetchOk(request: ApiRequest, headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
    const url = this.#base + request.path + queryOf(request.query ?? {});
    let response: Response;
    try {
      response = await this.#fetch(url, {
        method: request.method,
        headers: {
          ...headers,
          'x-auth-token': this.#token,
          ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
        // An answer from elsewhere would be asked for with the token, and isn't ours.
        redirect: 'error',
        signal,
      });
    } catch (error) {
      if (request.signal?.aborted) throw error;
      throw unreachable(url, error);
    }
    if (!response.ok) throw await refusalOf(response);
    return response;
  }

  #retrying<T>(signal: AbortSignal | undefined, attempt: () => Promise<T>): Promise<T> {
    return pRetry(attempt, {
      retries: this.#retries,
      minTimeout: 200,
      maxTimeout: 5_000,
      randomize: true,
      ...(signal ? { signal } : {}),
      shouldRetry: ({ error }) => isPassing(error) && (error.retryAfterMs ?? 0) <= MAX_RETRY_AFTER_MS,
      onFailedAttempt: async ({ error, retriesLeft, retryDelay }) => {
        const asked = error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0;
        if (retriesLeft > 0 && asked > retryDelay && asked <= MAX_RETRY_AFTER_MS)
          await sleep(asked - retryDelay, signal);
      },
    });
  }
}

/** The body may break off as well as the request may. */
async function textOf(response: Response): Promise<string> {
  try {
    return await response.text();
  } catch (error) {
    throw unreachable(response.url, error);
  }
}

function parseJson(response: Response, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw notUnderstood(response, 'it is not JSON', error);
  }
}

function queryOf(query: ApiQuery): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) given.set(name, String(value));
  return given.size === 0 ? '' : `?${given.toString()}`;
}

/** Not `crypto.randomUUID`: a browser has it only on https and localhost. */
function newIdempotencyKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
