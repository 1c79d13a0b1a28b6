import { ServiceUnavailableError } from '@varve/core';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { text as textOf } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { parsed, reasonOf } from './http.js';
import type { HttpAnswer } from './http.js';

export interface HttpUpload {
  readonly headers: Readonly<Record<string, string>>;
  readonly content: AsyncIterable<Buffer>;
  readonly sizeBytes: number;
  /** Milliseconds in which something must go one way or the other. */
  readonly idleMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Sends a body of any length, once, as it is made: `fetch` can't say how long a stream is. Any status is an answer, also
 * one that comes before all was sent.
 *
 * @throws {ServiceUnavailableError} the connection broke, or nothing moved for too long
 * @throws what `content` throws, or the signal's reason; the other side has been cut off then
 */
export async function httpUpload(
  service: string,
  url: string,
  { headers, content, sizeBytes, idleMs, signal }: HttpUpload,
): Promise<HttpAnswer> {
  signal?.throwIfAborted();
  const send = url.startsWith('https:') ? httpsRequest : httpRequest;
  const request = send(url, {
    method: 'PUT',
    headers: { 'content-type': 'application/octet-stream', ...headers, 'content-length': String(sizeBytes) },
    timeout: idleMs,
    ...(signal && { signal }),
  });
  request.once('timeout', () => request.destroy(new Error(`nothing moved for ${idleMs} ms`)));
  let sourceError: unknown;
  const source = (async function* () {
    try {
      yield* content;
    } catch (error) {
      sourceError = error;
      throw error;
    }
  })();
  const outcome = new Promise<HttpAnswer>((resolve, reject) => {
    let answered = false;
    // Once there is an answer, that counts: a refusal may come early, and the rest of what we send then breaks off.
    const broken = (error: unknown): void => {
      if (!answered) reject(error);
    };
    request.on('error', broken);
    request.once('response', (response) => {
      answered = true;
      const { statusCode: status = 0 } = response;
      textOf(response).then((text) => resolve({ status, headers: new Headers(), body: parsed(text), text }), reject);
    });
    pipeline(source, request).catch(broken);
  });
  try {
    return await outcome;
  } catch (error) {
    if (sourceError !== undefined) throw sourceError;
    signal?.throwIfAborted();
    throw new ServiceUnavailableError(`${service} broke off: ${reasonOf(error)}`, { service }, { cause: error });
  } finally {
    request.destroy();
  }
}
