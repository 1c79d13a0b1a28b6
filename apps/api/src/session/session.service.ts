import { Inject, Injectable } from '@nestjs/common';
import { Catalog } from '@varve/catalog';
import type { Login, LoginView, SessionView } from '@varve/contracts';
import { LoginFailedError } from '@varve/core';
import { IDENTITY } from '@varve/ports';
import type { Identity, Principal } from '@varve/ports';
import { ALL_PROJECTS } from '../policy/defaults.js';
import { Policy } from '../policy/policy.js';
import type { Attempt, Caller } from '../http/caller.js';
import { LoginAttempts } from './login-attempts.js';

/** Who somebody is, and how they come by a token. */
@Injectable()
export class SessionService {
  constructor(
    private readonly catalog: Catalog,
    @Inject(IDENTITY) private readonly identity: Identity,
    private readonly policy: Policy,
    private readonly attempts: LoginAttempts,
  ) {}

  /**
   * @param client - the address that it comes from
   * @throws {LoginFailedError | TooManyAttemptsError}, and as {@link Identity.login}
   */
  async login(credentials: Login, client: string, about: Attempt & { requestId: string }): Promise<LoginView> {
    const login = await this.attempts.bounded(client, () => this.identity.login(credentials));
    if (!login) throw new LoginFailedError();
    const { token, principal, userName, projectName } = login;
    const projects = await this.identity.projectsOf(token);
    await this.audit(principal, about);
    return { token, session: this.viewOf(principal), userName, projectName, projects: [...projects] };
  }

  async logout(caller: Caller, token: string): Promise<void> {
    await this.identity.revoke(token);
    await this.audit(caller.principal, caller);
  }

  viewOf(principal: Principal): SessionView {
    const { userId, projectId, roles, expiresAt } = principal;
    const whose = { projectId };
    return {
      userId,
      projectId,
      roles: [...roles],
      expiresAt: expiresAt?.toISOString() ?? null,
      allProjects: this.policy.allows(ALL_PROJECTS, principal, whose),
      may: this.policy.actionsAllowed(principal, whose),
    };
  }

  private async audit(
    { userId, projectId }: Principal,
    { action, target, requestId }: Attempt & { requestId: string },
  ): Promise<void> {
    await this.catalog.read((tx) =>
      tx.audit.add({ userId, projectId, action, target, requestId, outcome: 'accepted', code: null }),
    );
  }
}
