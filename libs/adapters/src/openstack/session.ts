import { ServiceUnavailableError } from '@varve/core';
import { z } from 'zod';
import type { KeystoneConfig } from './config.js';
import { httpUpload } from './http-upload.js';
import type { HttpUpload } from './http-upload.js';
import { httpCall } from './http.js';
import type { HttpAnswer, HttpRequest } from './http.js';

const Login = z.object({
  token: z.object({
    expires_at: z.iso.datetime({ offset: true }),
    roles: z.array(z.object({ name: z.string() })).default([]),
    catalog: z
      .array(
        z.object({
          type: z.string(),
          endpoints: z.array(z.object({ interface: z.string(), region: z.string().nullish(), url: z.string() })),
        }),
      )
      .default([]),
  }),
});

interface Session {
  readonly token: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  readonly roles: readonly string[];
  readonly catalog: z.output<typeof Login>['token']['catalog'];
}

/** A token is not used in its last minute: a request that takes long must not end with one that has expired. */
const MARGIN_MS = 60_000;

export interface ServiceRequest extends Omit<HttpRequest, 'timeoutMs'> {
  /** E.g. `compute 2.90`. */
  readonly microversion?: string;
  readonly timeoutMs?: number;
}

/**
 * We ourselves as OpenStack knows us: a token that is renewed by itself, and the services that it came with.
 * One log-in serves all who ask at once.
 */
export class KeystoneSession {
  private session: Session | null = null;
  private loggingIn: Promise<Session> | null = null;

  constructor(readonly config: KeystoneConfig) {}

  /**
   * @param path - begins with a slash; what the endpoint's own url says goes before it
   * @returns any answer but 401
   * @throws {ServiceUnavailableError} no answer, or we may not log in; a request may have been carried out
   */
  async request(serviceType: string, path: string, request: ServiceRequest = {}): Promise<HttpAnswer> {
    return this.authorized(serviceType, (session) => this.endpointOf(session, serviceType) + path, request);
  }

  /**
   * Sends a body as it is made. It can't be sent twice: a token that was revoked since the last request makes it fail.
   *
   * @throws as {@link httpUpload}; {ServiceUnavailableError} also when we may not log in
   */
  async upload(
    serviceType: string,
    path: string,
    options: Pick<HttpUpload, 'content' | 'sizeBytes' | 'idleMs' | 'signal'>,
  ): Promise<HttpAnswer> {
    const session = await this.current();
    const headers = { 'x-auth-token': session.token };
    return httpUpload(serviceType, this.endpointOf(session, serviceType) + path, { ...options, headers });
  }

  /**
   * The roles that we have in our project.
   *
   * @throws {ServiceUnavailableError} as {@link request}
   */
  async roles(): Promise<readonly string[]> {
    return (await this.current()).roles;
  }

  /** @throws {ServiceUnavailableError} as {@link request}, or the catalogue has no such endpoint for us */
  async endpoint(serviceType: string): Promise<string> {
    return this.endpointOf(await this.current(), serviceType);
  }

  /** To Keystone itself, which need not be in the catalogue. */
  async keystone(path: string, request: ServiceRequest = {}): Promise<HttpAnswer> {
    return this.authorized('identity', () => this.config.url + path, request);
  }

  private async authorized(
    service: string,
    urlFrom: (session: Session) => string,
    { microversion, timeoutMs = this.config.timeoutMs, headers = {}, ...request }: ServiceRequest,
  ): Promise<HttpAnswer> {
    for (let attempt = 1; ; attempt++) {
      const session = await this.current();
      const answer = await httpCall(service, urlFrom(session), {
        ...request,
        timeoutMs,
        headers: {
          ...headers,
          'x-auth-token': session.token,
          ...(microversion !== undefined && { 'openstack-api-version': microversion }),
        },
      });
      if (answer.status !== 401) return answer;
      // Revoked before its time. Nothing was carried out, so that asking again with a new one is safe.
      if (this.session === session) this.session = null;
      if (attempt === 2) throw new ServiceUnavailableError(`${service} does not take our token`, { service });
    }
  }

  private async current(): Promise<Session> {
    if (this.session && this.session.expiresAt - MARGIN_MS > Date.now()) return this.session;
    this.loggingIn ??= this.logIn().finally(() => (this.loggingIn = null));
    return this.loggingIn;
  }

  private async logIn(): Promise<Session> {
    const { url, username, password, project, userDomain, projectDomain, timeoutMs } = this.config;
    const answer = await httpCall('identity', `${url}/auth/tokens`, {
      method: 'POST',
      json: {
        auth: {
          identity: {
            methods: ['password'],
            password: { user: { name: username, password, domain: { name: userDomain } } },
          },
          scope: { project: { name: project, domain: { name: projectDomain } } },
        },
      },
      timeoutMs,
    });
    const token = answer.headers.get('x-subject-token');
    const login = Login.safeParse(answer.body);
    if (answer.status !== 201 || token === null || !login.success) {
      // Ours to be mended, not the caller's: for whom it is as if the service were away.
      throw new ServiceUnavailableError(
        `Keystone did not let the service user in (${answer.status})`,
        { service: 'identity', status: String(answer.status) },
        { cause: login.error },
      );
    }
    const { expires_at, roles, catalog } = login.data.token;
    this.session = { token, expiresAt: Date.parse(expires_at), roles: roles.map(({ name }) => name), catalog };
    return this.session;
  }

  private endpointOf({ catalog }: Session, serviceType: string): string {
    const { region, interface: wanted } = this.config;
    const found = catalog
      .filter(({ type }) => type === serviceType)
      .flatMap(({ endpoints }) => endpoints)
      .find((endpoint) => endpoint.interface === wanted && (region === null || endpoint.region === region));
    if (found) return found.url.replace(/\/+$/, '');
    throw new ServiceUnavailableError(
      `Keystone's catalogue has no ${wanted} endpoint of the service ${serviceType}${region === null ? '' : ` in ${region}`}`,
      { service: serviceType },
    );
  }
}

/**
 * The body of a good answer, parsed.
 *
 * @throws {ServiceUnavailableError} the service is in trouble, or is not what we take it for
 */
export function bodyOf<Schema extends z.ZodType>(
  service: string,
  { status, body }: HttpAnswer,
  schema: Schema,
): z.output<Schema> {
  const parsed = schema.safeParse(body);
  if (status >= 200 && status < 300 && parsed.success) return parsed.data;
  const [issue] = status < 300 ? (parsed.error?.issues ?? []) : [];
  const what = issue ? `an answer we do not understand (${issue.path.join('.')}: ${issue.message})` : String(status);
  throw new ServiceUnavailableError(`${service} answered ${what}`, { service, status: String(status) });
}
