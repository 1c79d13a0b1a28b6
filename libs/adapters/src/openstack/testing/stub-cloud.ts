import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { KeystoneConfig } from '../config.js';

export interface Asked {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly json: unknown;
}
export interface Reply {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

const PASSWORD = 'right';

/**
 * Answers HTTP as Keystone 22 and Nova 26 were seen to, for what can't be had from the real ones at will: outages,
 * revoked service tokens, states that last a moment.
 */
export class StubCloud {
  readonly asked: Asked[] = [];
  /** Log-ins so far; the token of the last one is the only valid one. */
  logins = 0;
  /** Milliseconds that a service token lives. */
  tokenLifeMs = 3_600_000;
  /** What `GET /v3/auth/tokens` says of a subject token; absent: unknown, 404. */
  readonly tokens = new Map<string, object>();
  /** What anything else is answered. */
  reply: (asked: Asked) => Reply | Promise<Reply> = () => ({ status: 404, body: {} });

  private constructor(private readonly server: Server) {}

  static async start(): Promise<StubCloud> {
    const server = createServer();
    const cloud = new StubCloud(server);
    const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      const { status, body, headers } = await cloud.answer(request);
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body));
    };
    server.on('request', (request, response) => void respond(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return cloud;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get config(): KeystoneConfig {
    return {
      url: `${this.url}/v3`,
      username: 'varve',
      password: PASSWORD,
      project: 'service',
      userDomain: 'Default',
      projectDomain: 'Default',
      region: null,
      interface: 'public',
      timeoutMs: 30_000,
    };
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** As if Keystone had revoked it. */
  revokeServiceToken(): void {
    this.logins += 1_000;
  }

  private async answer(request: IncomingMessage): Promise<Reply> {
    let text = '';
    for await (const piece of request) text += String(piece);
    const { method = 'GET', url: path = '/', headers } = request;
    const asked: Asked = { method, path, headers, json: text === '' ? null : JSON.parse(text) };
    this.asked.push(asked);
    if (method === 'POST' && path === '/v3/auth/tokens') return this.logIn(asked.json);
    if (headers['x-auth-token'] !== `service-${this.logins}`) return { status: 401, body: {} };
    if (method === 'GET' && path.startsWith('/v3/auth/tokens')) return this.validate(headers['x-subject-token']);
    return this.reply(asked);
  }

  private logIn(json: unknown): Reply {
    if (!JSON.stringify(json).includes(`"password":"${PASSWORD}"`)) return { status: 401, body: {} };
    this.logins++;
    const endpoint = (url: string) => [{ interface: 'public', region: 'RegionOne', region_id: 'RegionOne', url }];
    return {
      status: 201,
      headers: { 'x-subject-token': `service-${this.logins}` },
      body: {
        token: {
          expires_at: new Date(Date.now() + this.tokenLifeMs).toISOString(),
          catalog: [
            { type: 'compute', name: 'nova', endpoints: endpoint(`${this.url}/v2.1`) },
            { type: 'image', name: 'glance', endpoints: endpoint(this.url) },
          ],
        },
      },
    };
  }

  private validate(subject: unknown): Reply {
    const token = this.tokens.get(String(subject));
    return token ? { status: 200, body: { token } } : { status: 404, body: { error: { code: 404 } } };
  }
}
