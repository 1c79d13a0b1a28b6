// A user's session with the cloud's APIs, for tests: what the service answers is handed on as it is.
import type { Login } from './cloud-file.ts';

/** By the types of Keystone's catalogue. */
export type ServiceType = 'identity' | 'image' | 'compute' | 'placement';

export interface Answer {
  readonly status: number;
  // What it holds is the test's business.
  readonly body: Record<string, unknown>;
  readonly headers: Headers;
}

export interface RequestOptions {
  /** Sent as JSON, unless it is bytes. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Of Nova. */
  readonly microversion?: string;
}

export class ApiError extends Error {
  readonly status: number;

  constructor(what: string, status: number, body: unknown) {
    super(`${what}: ${status} ${JSON.stringify(body)}`);
    this.name = 'ApiError';
    this.status = status;
  }
}

export class Session {
  readonly authUrl: string;
  readonly login: Login;
  token = '';
  userId = '';
  projectId = '';
  private endpoints = new Map<string, string>();
  private expiresAt = 0;

  constructor(authUrl: string, login: Login) {
    this.authUrl = authUrl;
    this.login = login;
  }

  static async open(authUrl: string, login: Login): Promise<Session> {
    const session = new Session(authUrl, login);
    await session.renew();
    return session;
  }

  /** A new token; the old one stays valid. */
  async renew(): Promise<string> {
    const domain = { id: 'default' };
    const { user: name, password, project } = this.login;
    const identity = { methods: ['password'], password: { user: { name, domain, password } } };
    const answer = await send('POST', `${this.authUrl}/auth/tokens`, {
      body: { auth: { identity, scope: { project: { name: project, domain } } } },
    });
    if (answer.status !== 201) throw new ApiError(`login of ${name}`, answer.status, answer.body);
    const token = answer.body['token'] as Token;
    this.token = answer.headers.get('x-subject-token') ?? '';
    this.userId = token.user.id;
    this.projectId = token.project.id;
    this.expiresAt = Date.parse(token.expires_at);
    for (const { type, endpoints } of token.catalog ?? []) {
      const found = endpoints.find((endpoint) => endpoint.interface === 'public');
      if (found) this.endpoints.set(type, found.url);
    }
    this.endpoints.set('identity', this.authUrl);
    return this.token;
  }

  /** Any answer is one, also a refusal. */
  async ask(service: ServiceType, method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
    if (Date.now() > this.expiresAt - 60_000) await this.renew();
    const base = this.endpoints.get(service);
    if (base === undefined) throw new Error(`${service} is not in the catalogue`);
    const version: Record<string, string> =
      service === 'compute' ? { 'OpenStack-API-Version': `compute ${options.microversion ?? '2.90'}` } : {};
    const headers = { 'X-Auth-Token': this.token, ...version, ...options.headers };
    return send(method, base + path, { ...options, headers });
  }

  /** @throws {ApiError} for a status of 400 and above */
  async request(
    service: ServiceType,
    method: string,
    path: string,
    options: RequestOptions = {},
  ): Promise<Record<string, unknown>> {
    const { status, body } = await this.ask(service, method, path, options);
    if (status >= 400) throw new ApiError(`${method} ${service}${path}`, status, body);
    return body;
  }

  /** Bytes as they are. @throws {ApiError} */
  async download(service: ServiceType, path: string): Promise<Uint8Array> {
    const url = `${this.endpoints.get(service) ?? ''}${path}`;
    const response = await fetch(url, {
      headers: { 'X-Auth-Token': this.token },
      signal: AbortSignal.timeout(120_000),
    });
    if (!response.ok) throw new ApiError(`GET ${path}`, response.status, await response.text());
    return new Uint8Array(await response.arrayBuffer());
  }
}

interface Token {
  readonly user: { readonly id: string };
  readonly project: { readonly id: string };
  readonly expires_at: string;
  readonly catalog?: readonly {
    readonly type: string;
    readonly endpoints: readonly { readonly interface: string; readonly url: string }[];
  }[];
}

async function send(method: string, url: string, { body, headers = {} }: RequestOptions): Promise<Answer> {
  const isBytes = body instanceof Uint8Array;
  const response = await fetch(url, {
    method,
    headers: { ...(body === undefined || isBytes ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: isBytes ? new Uint8Array(body) : JSON.stringify(body) }),
    signal: AbortSignal.timeout(120_000),
  });
  const text = await response.text();
  const isJson = (response.headers.get('content-type') ?? '').includes('json') && text !== '';
  const parsed = isJson ? (JSON.parse(text) as Record<string, unknown>) : { text };
  return { status: response.status, body: parsed, headers: response.headers };
}
