import { createHash } from 'node:crypto';
import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { Inject, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ForbiddenError, UnauthorizedError } from '@varve/core';
import type { ProjectId } from '@varve/core';
import { IDENTITY } from '@varve/ports';
import type { Identity } from '@varve/ports';
import { actionOf } from '../policy/actions.js';
import { ALL_PROJECTS } from '../policy/defaults.js';
import { Policy } from '../policy/policy.js';
import { IS_PUBLIC } from './caller.js';
import type { Caller, CallerRequest } from './caller.js';
import { InvalidRequestError } from './invalid-request.error.js';

/** Names the principal, and refuses what the policy does not allow. */
@Injectable()
export class PrincipalGuard implements CanActivate {
  constructor(
    @Inject(IDENTITY) private readonly identity: Identity,
    private readonly policy: Policy,
    private readonly reflector: Reflector,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const of = [context.getHandler(), context.getClass()];
    if (this.reflector.getAllAndOverride<boolean | undefined>(IS_PUBLIC, of)) return true;

    const request = context.switchToHttp().getRequest<CallerRequest>();
    const action = actionOf(context.getClass(), context.getHandler().name);
    const target = Object.values((request.params ?? {}) as Record<string, string>).join('/') || '-';
    request.attempt = { action, target };
    const token = tokenOf(request);
    const principal = token === null ? null : await this.identity.authenticate(token);
    if (!principal) throw new UnauthorizedError();

    const may = (what: string, projectId: ProjectId): boolean => this.policy.allows(what, principal, { projectId });
    const caller: Caller = {
      principal,
      requestId: request.id,
      action,
      target,
      mayOn: (projectId) => may(action, projectId),
      seesAllProjects: may(ALL_PROJECTS, principal.projectId),
      idempotency: idempotencyOf(request),
      trespassed: false,
    };
    request.caller = caller;
    // Of things of their own; whether it is one, the service finds out.
    if (!caller.mayOn(principal.projectId)) throw new ForbiddenError(action);
    return true;
  }
}

export function tokenOf(request: CallerRequest): string | null {
  const { 'x-auth-token': token, authorization } = request.headers;
  if (typeof token === 'string' && token !== '') return token;
  return /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1] ?? null;
}

const KEY = /^[\x21-\x7e]{1,255}$/;

/** @throws {InvalidRequestError} */
function idempotencyOf(request: CallerRequest): Caller['idempotency'] {
  const key = request.headers['idempotency-key'];
  if (key === undefined || request.method !== 'POST') return null;
  if (typeof key !== 'string' || !KEY.test(key)) {
    throw new InvalidRequestError('An Idempotency-Key has 1 to 255 printable characters', {
      'Idempotency-Key': 'not valid',
    });
  }
  const [path = ''] = request.url.split('?');
  const hash = createHash('sha256').update(JSON.stringify([request.method, path, sorted(request.body ?? null)]));
  return { key, requestHash: hash.digest('hex') };
}

/** The same request in another order of fields is the same request. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, inner]) => [key, sorted(inner)]);
}
