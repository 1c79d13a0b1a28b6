import { randomUUID } from 'node:crypto';
import { LoginUnsupportedError } from '@varve/core';
import type { ProjectId } from '@varve/core';
import type { Credentials, Identity, Login, Principal, Project } from '../identity.port.js';

export interface FakePerson {
  readonly user: string;
  readonly password: string;
  /** Of each project, by its id, which is its name too; the first one is the default. */
  readonly roles: Readonly<Record<string, readonly string[]>>;
}

/** Gives out tokens as Keystone does, and knows some that were there before, as a tokens file does. */
export class FakeIdentity implements Identity {
  private readonly given = new Map<string, { person: FakePerson; principal: Principal }>();
  private readonly revoked = new Set<string>();

  /** @param known - whose tokens are there from the beginning; those can't be changed to another project */
  constructor(
    private readonly known: (token: string) => Principal | null = () => null,
    private readonly people: readonly FakePerson[] = [],
    private readonly lifeMs = 3_600_000,
  ) {}

  authenticate(token: string): Promise<Principal | null> {
    if (this.revoked.has(token)) return Promise.resolve(null);
    const principal = this.given.get(token)?.principal ?? this.known(token);
    const isOver = principal?.expiresAt != null && principal.expiresAt.getTime() <= Date.now();
    return Promise.resolve(isOver ? null : principal);
  }

  async login(credentials: Credentials): Promise<Login | null> {
    switch (credentials.method) {
      case 'password': {
        const { user, domain, password, project, projectDomain = domain } = credentials;
        const person = this.people.find((one) => one.user === user && one.password === password);
        if (!person || domain !== 'Default' || projectDomain !== 'Default') return null;
        return this.give(person, project ?? Object.keys(person.roles)[0] ?? '');
      }
      case 'token': {
        const { token, projectId } = credentials;
        const principal = await this.authenticate(token);
        if (!principal) return null;
        const person = this.given.get(token)?.person;
        if (projectId === undefined || projectId === principal.projectId) {
          return { token, principal, userName: person?.user ?? null, projectName: person ? principal.projectId : null };
        }
        return person ? this.give(person, projectId) : null;
      }
      case 'application_credential':
        throw new LoginUnsupportedError(credentials.method);
    }
  }

  async projectsOf(token: string): Promise<readonly Project[]> {
    if (!(await this.authenticate(token))) return [];
    const roles = this.given.get(token)?.person.roles ?? {};
    return Object.keys(roles).map((id) => ({ id: id as ProjectId, name: id }));
  }

  revoke(token: string): Promise<void> {
    if (this.given.has(token)) this.revoked.add(token);
    return Promise.resolve();
  }

  private give(person: FakePerson, project: string): Login | null {
    const roles = person.roles[project];
    if (!roles) return null;
    const token = `given-${randomUUID()}`;
    const expiresAt = new Date(Date.now() + this.lifeMs);
    const principal = { userId: `user-${person.user}`, projectId: project as ProjectId, roles, expiresAt };
    this.given.set(token, { person, principal });
    return { token, principal, userName: person.user, projectName: project };
  }
}
