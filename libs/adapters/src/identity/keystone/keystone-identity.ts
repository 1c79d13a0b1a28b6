import { createHash } from 'node:crypto';
import { ServiceUnavailableError, TokenNotScopedError } from '@varve/core';
import type { Credentials, Identity, Login, Principal, Project } from '@varve/ports';
import type { KeystoneSession } from '../../openstack/index.js';
import { bodyOf } from '../../openstack/index.js';
import { KeystoneLogin } from './keystone-login.js';
import { principalOf, Validation } from './validation.js';
import type { Validated } from './validation.js';
import { Verdicts } from './verdicts.js';

type Verdict = { kind: 'principal'; principal: Principal } | { kind: 'unscoped'; userId: string } | { kind: 'invalid' };

export interface KeystoneIdentityOptions {
  readonly session: KeystoneSession;
  /**
   * Milliseconds for which Keystone is not asked again about a token: the longest that one which was revoked, whose
   * application credential was deleted, or whose user lost a role, still counts. 0: ask every time.
   */
  readonly cacheMs: number;
  readonly now?: () => number;
}

/** A few MiB at most. */
const MOST_KNOWN = 10_000;
/** Fernet tokens have some 200 characters, JWS ones some 1000; what is longer is none. */
const TOKEN = /^[\x21-\x7e]{1,4096}$/;

/** Tokens of Keystone, also those of application credentials. */
export class KeystoneIdentity implements Identity {
  private readonly session: KeystoneSession;
  private readonly cacheMs: number;
  private readonly now: () => number;
  private readonly good = new Verdicts<Verdict>(MOST_KNOWN);
  /** Apart, so that somebody who tries many can't push out the good ones. */
  private readonly bad = new Verdicts<Verdict>(MOST_KNOWN);
  private readonly asking = new Map<string, Promise<Verdict>>();
  private readonly users: KeystoneLogin;

  constructor({ session, cacheMs, now = Date.now }: KeystoneIdentityOptions) {
    this.session = session;
    this.cacheMs = cacheMs;
    this.now = now;
    this.users = new KeystoneLogin(session.config);
  }

  async authenticate(token: string): Promise<Principal | null> {
    if (!TOKEN.test(token)) return null;
    const verdict = await this.verdictOn(token);
    switch (verdict.kind) {
      case 'principal':
        return verdict.principal;
      case 'unscoped':
        throw new TokenNotScopedError(verdict.userId);
      case 'invalid':
        return null;
    }
  }

  async login(credentials: Credentials): Promise<Login | null> {
    switch (credentials.method) {
      case 'password':
        return this.users.withPassword(credentials);
      case 'application_credential':
        return this.users.withApplicationCredential(credentials.id, credentials.secret);
      case 'token': {
        const { token, projectId } = credentials;
        if (!TOKEN.test(token)) return null;
        if (projectId !== undefined) return this.users.withToken(token, projectId);
        const validated = await this.validate(token);
        return validated && this.users.scoped({ token, validated });
      }
    }
  }

  projectsOf(token: string): Promise<readonly Project[]> {
    return TOKEN.test(token) ? this.users.projectsOf(token) : Promise.resolve([]);
  }

  async revoke(token: string): Promise<void> {
    if (!TOKEN.test(token)) return;
    const key = keyOf(token);
    // Before and after: a question that is on its way may be answered between.
    this.good.delete(key);
    await this.users.revoke(token);
    // Should it fail, whoever asked hears of it, and nothing was remembered.
    await Promise.allSettled([this.asking.get(key)]);
    this.good.delete(key);
  }

  private verdictOn(token: string): Promise<Verdict> | Verdict {
    const key = keyOf(token);
    const now = this.now();
    const known = this.good.get(key, now) ?? this.bad.get(key, now);
    if (known) return known;
    // Who asks at the same moment gets the same answer.
    const running = this.asking.get(key);
    if (running) return running;
    const asked = this.ask(token, key).finally(() => this.asking.delete(key));
    this.asking.set(key, asked);
    return asked;
  }

  private async ask(token: string, key: string): Promise<Verdict> {
    // From before the question: what is revoked while it is on its way counts from then on.
    const askedAt = this.now();
    const validated = await this.validate(token);
    if (!validated) return this.remember(this.bad, key, { kind: 'invalid' }, askedAt + this.cacheMs);
    const until = Math.min(askedAt + this.cacheMs, Date.parse(validated.expires_at));
    const principal = principalOf(validated);
    return principal
      ? this.remember(this.good, key, { kind: 'principal', principal }, until)
      : this.remember(this.bad, key, { kind: 'unscoped', userId: validated.user.id }, until);
  }

  /** @returns `null`: unknown, expired, revoked; or its application credential, user or project is gone */
  private async validate(token: string): Promise<Validated | null> {
    const answer = await this.session.keystone('/auth/tokens?nocatalog', { headers: { 'x-subject-token': token } });
    if (answer.status === 404) return null;
    if (answer.status === 403) {
      throw new ServiceUnavailableError(
        'Keystone does not let our service user check tokens: it needs the role service',
        {
          service: 'identity',
          status: '403',
        },
      );
    }
    return bodyOf('identity', answer, Validation).token;
  }

  private remember(where: Verdicts<Verdict>, key: string, verdict: Verdict, until: number): Verdict {
    if (this.cacheMs > 0) where.set(key, verdict, until);
    return verdict;
  }
}

/** Nothing that a dump of our memory could be logged in with. */
const keyOf = (token: string): string => createHash('sha256').update(token).digest('base64');
