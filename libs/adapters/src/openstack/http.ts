import { ServiceUnavailableError } from '@varve/core';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed; `null` when there is none, or it is not JSON. */
  readonly body: unknown;
  /** As it came. */
  readonly text: string;
}

export interface HttpRequest {
  readonly method?: 'GET' | 'POST' | 'DELETE' | 'PUT';
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Milliseconds until the whole answer must be there. */
  readonly timeoutMs: number;
}

/**
 * One request, sent once. Any status is an answer.
 *
 * @param service - what to call the other side in an error
 * @throws {ServiceUnavailableError} no connection, or no whole answer in time; a request may have been carried out
 */
export async function httpCall(service: string, url: string, request: HttpRequest): Promise<HttpAnswer> {
  const { method = 'GET', headers = {}, json, timeoutMs } = request;
  try {
    const response = await fetch(url, {
      method,
      headers: {
        accept: 'application/json',
        ...(json !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(json !== undefined && { body: JSON.stringify(json) }),
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: parsed(text), text };
  } catch (error) {
    throw new ServiceUnavailableError(`${service} did not answer: ${reasonOf(error)}`, { service }, { cause: error });
  }
}

/** `fetch` says "fetch failed" and keeps the reason to itself. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message !== '' ? error.cause.message : error.message;
}

export function parsed(text: string): unknown {
  if (text === '') return null;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // A proxy's error page, for instance: the status says enough.
    return null;
  }
}
