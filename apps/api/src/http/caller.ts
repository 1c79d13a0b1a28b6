import type { Principal, Role } from '@varve/ports';
import { createParamDecorator, SetMetadata } from '@nestjs/common';
import type { ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { ForbiddenError, NotFoundError, UnauthorizedError } from '@varve/core';
import type { ProjectId } from '@varve/core';

/** Who asks, and what is needed to answer for it later. */
export interface Caller {
  readonly principal: Principal;
  readonly requestId: string;
  /** What a write is called in the audit log, and what it is about. */
  readonly action: string;
  readonly target: string;
  readonly idempotency: { readonly key: string; readonly requestHash: string } | null;
  /** Set when something was asked for that is another tenant's. */
  trespassed: boolean;
}

export type CallerRequest = FastifyRequest & { caller?: Caller };

export const callerOf = (request: CallerRequest): Caller => {
  if (!request.caller) throw new UnauthorizedError();
  return request.caller;
};

export const CurrentCaller = createParamDecorator((_: unknown, context: ExecutionContext) =>
  callerOf(context.switchToHttp().getRequest<CallerRequest>()),
);

export const IS_PUBLIC = 'varve:public';
/** Answered without a token. */
export const Public = () => SetMetadata(IS_PUBLIC, true);

export const NEEDED_ROLE = 'varve:role';
/** `reader` when nothing is said. */
export const Needs = (role: Role) => SetMetadata(NEEDED_ROLE, role);

const RANK: Readonly<Record<Role, number>> = { reader: 0, member: 1, admin: 2 };

/** @throws {ForbiddenError} */
export function assertRole({ role }: Principal, needed: Role, action: string): void {
  if (RANK[role] < RANK[needed]) throw new ForbiddenError(action);
}

/** Whose things the caller may see; `null`: everybody's. */
export const scopeOf = ({ principal }: Caller): ProjectId | null =>
  principal.role === 'admin' ? null : principal.projectId;

/**
 * What is another tenant's looks as if it were not there.
 *
 * @throws {NotFoundError}
 */
export function visible<Row extends { projectId: ProjectId }>(
  caller: Caller,
  kind: string,
  id: string,
  row: Row | null,
): Row {
  const scope = scopeOf(caller);
  if (row && (scope === null || row.projectId === scope)) return row;
  if (row) caller.trespassed = true;
  throw new NotFoundError(kind, id);
}
