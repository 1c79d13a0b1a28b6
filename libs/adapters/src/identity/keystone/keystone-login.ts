import { isProjectId, TokenNotScopedError } from '@varve/core';
import type { ProjectId } from '@varve/core';
import type { Credentials, Login, Project } from '@varve/ports';
import { z } from 'zod';
import type { KeystoneConfig } from '../../openstack/index.js';
import { bodyOf } from '../../openstack/index.js';
import { httpCall } from '../../openstack/http.js';
import { principalOf, Validation } from './validation.js';
import type { Validated } from './validation.js';

const Projects = z.object({
  projects: z.array(
    z.object({ id: z.string(), name: z.string(), enabled: z.boolean().default(true) }).catch({
      id: '',
      name: '',
      enabled: false,
    }),
  ),
});

/** Wrong, unknown, expired, malformed, or not to be had for that project. Keystone's words differ with the release. */
const REFUSALS: ReadonlySet<number> = new Set([400, 401, 403, 404]);

/** A token that Keystone gave out, and what it says of it. */
interface Granted {
  readonly token: string;
  readonly validated: Validated;
}

/** What users ask of Keystone in their own name: none of it with our service user's token. */
export class KeystoneLogin {
  constructor(private readonly config: Pick<KeystoneConfig, 'url' | 'timeoutMs'>) {}

  /** @throws as `Identity.login` */
  async withPassword(given: Extract<Credentials, { method: 'password' }>): Promise<Login | null> {
    const { user, domain, password, project, projectDomain = domain } = given;
    const granted = await this.ask(
      { methods: ['password'], password: { user: { name: user, domain: { name: domain }, password } } },
      project === undefined ? undefined : { project: { name: project, domain: { name: projectDomain } } },
    );
    return granted && this.scoped(granted);
  }

  /** @throws as `Identity.login` */
  async withApplicationCredential(id: string, secret: string): Promise<Login | null> {
    const granted = await this.ask({ methods: ['application_credential'], application_credential: { id, secret } });
    return granted && this.scoped(granted);
  }

  /** @throws as `Identity.login` */
  async withToken(token: string, projectId: ProjectId): Promise<Login | null> {
    const granted = await this.ask({ methods: ['token'], token: { id: token } }, { project: { id: projectId } });
    return granted && this.scoped(granted);
  }

  /**
   * The same token where it is for a project; else one for the first that its user has.
   *
   * @throws as `Identity.login`
   */
  async scoped({ token, validated }: Granted): Promise<Login | null> {
    const principal = principalOf(validated);
    if (principal) {
      const { user, project } = validated;
      return { token, principal, userName: user.name ?? null, projectName: project?.name ?? null };
    }
    const [first] = await this.projectsOf(token);
    if (!first) throw new TokenNotScopedError(validated.user.id);
    return this.withToken(token, first.id);
  }

  /** By name. */
  async projectsOf(token: string): Promise<readonly Project[]> {
    const answer = await this.call('GET', '/auth/projects', { 'x-auth-token': token });
    if (REFUSALS.has(answer.status)) return [];
    const found = bodyOf('identity', answer, Projects).projects.flatMap(({ id, name, enabled }) =>
      enabled && isProjectId(id) ? [{ id, name }] : [],
    );
    return found.sort((a, b) => a.name.localeCompare(b.name));
  }

  async revoke(token: string): Promise<void> {
    const answer = await this.call('DELETE', '/auth/tokens', { 'x-auth-token': token, 'x-subject-token': token });
    if (!REFUSALS.has(answer.status)) bodyOf('identity', answer, z.unknown());
  }

  /** @returns `null`: refused */
  private async ask(identity: object, scope?: object): Promise<Granted | null> {
    const auth = { identity, ...(scope !== undefined && { scope }) };
    const answer = await this.call('POST', '/auth/tokens?nocatalog', {}, { auth });
    if (REFUSALS.has(answer.status)) return null;
    const validated = bodyOf('identity', answer, Validation).token;
    const token = answer.headers.get('x-subject-token');
    return token === null ? null : { token, validated };
  }

  private call(method: 'GET' | 'POST' | 'DELETE', path: string, headers: Record<string, string>, json?: unknown) {
    const { url, timeoutMs } = this.config;
    return httpCall('identity', url + path, { method, headers, timeoutMs, ...(json !== undefined && { json }) });
  }
}
