import { AsyncLocalStorage } from 'node:async_hooks';
import http from 'node:http';
import https from 'node:https';
import { Client } from 'minio';
import type { S3StoreConfig } from '../config.js';

/** What is known of one call while it runs, and the signal that ends it. */
export interface Call {
  readonly signal: AbortSignal;
  /** Of the latest request's answer, which the library does not tell; `null`: none came. */
  status: number | null;
}

/** A part that the store has of an upload that is not complete. */
export interface ListedPart {
  readonly part: number;
  readonly etag: string;
  readonly size: number;
}

/**
 * minio's client with what it lacks: requests that can be ended, and the list of an upload's parts. Its `putObject`
 * is never used above one part: it joins any unfinished upload of the key and numbers the parts from 2 (minio-js
 * issue 1483).
 */
export class S3Client extends Client {
  private readonly agent: http.Agent | https.Agent;
  private readonly calls: AsyncLocalStorage<Call>;

  constructor(config: S3StoreConfig) {
    const url = new URL(config.endpoint);
    const useSSL = url.protocol === 'https:';
    const calls = new AsyncLocalStorage<Call>();
    const options = { keepAlive: true, maxSockets: 64, ...(config.caCertificate ? { ca: config.caCertificate } : {}) };
    const agent = useSSL ? new https.Agent(options) : new http.Agent(options);
    super({
      endPoint: url.hostname,
      port: url.port === '' ? (useSSL ? 443 : 80) : Number(url.port),
      useSSL,
      region: config.region,
      accessKey: config.accessKey,
      secretKey: config.secretKey,
      pathStyle: config.pathStyle,
      transportAgent: agent,
      transport: transportWith(useSSL ? https : http, calls, config.deadlineMs),
      // Ours keeps what the store said; the library's loses the error's code.
      retryOptions: { disableRetry: true },
      // The largest that the library takes: below it, putObject is one request.
      partSize: 5 * 2 ** 30,
    });
    this.agent = agent;
    this.calls = calls;
  }

  /**
   * Whether each request's signature covers the SHA-256 of its body, so that the store notices damage. The library
   * does that without TLS; with TLS it leaves the body unsigned.
   */
  get signsPayloads(): boolean {
    return this.enableSHA256;
  }

  /** Runs requests that end, sockets and all, when the call's signal says so. */
  within<T>(call: Call, requests: (client: this) => Promise<T>): Promise<T> {
    return this.calls.run(call, () => requests(this));
  }

  /**
   * Up to 1000 uploads that are not complete, after the given key.
   *
   * The library always sends a delimiter, and Swift's s3api takes an empty one to be found in every key: so this one
   * is in none.
   */
  uploadsOf(bucket: string, prefix: string, afterKey = ''): ReturnType<Client['listIncompleteUploadsQuery']> {
    return this.listIncompleteUploadsQuery(bucket, prefix, afterKey, '', '|');
  }

  /** The library's own is protected. */
  async partsOf(bucket: string, key: string, uploadId: string): Promise<ListedPart[]> {
    return this.listParts(bucket, key, uploadId);
  }

  close(): void {
    this.agent.destroy();
  }
}

/** Gives each request the signal of the call that it belongs to, and ends one whose socket is silent for too long. */
function transportWith(
  transport: typeof http | typeof https,
  calls: AsyncLocalStorage<Call>,
  idleMs: number,
): Pick<typeof http, 'request'> {
  const request = (options: http.RequestOptions, answer: (response: http.IncomingMessage) => void) => {
    const call = calls.getStore();
    if (call) call.status = null;
    const sent = transport.request({ ...options, signal: call?.signal }, (response) => {
      if (call) call.status = response.statusCode ?? null;
      answer(response);
    });
    sent.setTimeout(idleMs, () => sent.destroy(new SilentStoreError()));
    return sent;
  };
  return { request } as Pick<typeof http, 'request'>;
}

export class SilentStoreError extends Error {
  readonly code = 'ETIMEDOUT';
  constructor() {
    super('The store stopped answering');
    this.name = 'SilentStoreError';
  }
}
