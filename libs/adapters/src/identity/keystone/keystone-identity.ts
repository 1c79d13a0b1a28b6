import { createHash } from 'node:crypto';
import { isProjectId, ServiceUnavailableError, TokenNotScopedError } from '@varve/core';
import type { Identity, Principal } from '@varve/ports';
import { z } from 'zod';
import type { KeystoneSession } from '../../openstack/index.js';
import { bodyOf } from '../../openstack/index.js';
import { Verdicts } from './verdicts.js';

/** What `GET /v3/auth/tokens` says of a token, as far as it matters here. */
const Validation = z.object({
  token: z.object({
    user: z.object({ id: z.string().min(1).max(255) }),
    /** Absent from a token for a domain, for the system, or for nothing. */
    project: z.object({ id: z.string().refine(isProjectId, 'a project id') }).optional(),
    roles: z.array(z.object({ name: z.string() })).default([]),
    expires_at: z.iso.datetime({ offset: true }),
  }),
});

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

  constructor({ session, cacheMs, now = Date.now }: KeystoneIdentityOptions) {
    this.session = session;
    this.cacheMs = cacheMs;
    this.now = now;
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

  private verdictOn(token: string): Promise<Verdict> | Verdict {
    // Nothing that a dump of our memory could be logged in with.
    const key = createHash('sha256').update(token).digest('base64');
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
    const answer = await this.session.keystone('/auth/tokens?nocatalog', { headers: { 'x-subject-token': token } });
    // 404: unknown, expired, revoked; or its application credential, user or project is gone.
    if (answer.status === 404) return this.remember(this.bad, key, { kind: 'invalid' }, askedAt + this.cacheMs);
    if (answer.status === 403) {
      throw new ServiceUnavailableError(
        'Keystone does not let our service user check tokens: it needs the role service',
        {
          service: 'identity',
          status: '403',
        },
      );
    }
    const { user, project, roles, expires_at } = bodyOf('identity', answer, Validation).token;
    const until = Math.min(askedAt + this.cacheMs, Date.parse(expires_at));
    if (!project) return this.remember(this.bad, key, { kind: 'unscoped', userId: user.id }, until);
    const principal = { userId: user.id, projectId: project.id, roles: roles.map(({ name }) => name.toLowerCase()) };
    return this.remember(this.good, key, { kind: 'principal', principal }, until);
  }

  private remember(where: Verdicts<Verdict>, key: string, verdict: Verdict, until: number): Verdict {
    if (this.cacheMs > 0) where.set(key, verdict, until);
    return verdict;
  }
}
