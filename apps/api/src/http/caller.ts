import type { Principal, Role } from '@varve/ports';
import { createParamDecorator, SetMetadata } from '@nestjs/common';
import type { ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { NotFoundError, UnauthorizedError } from '@varve/core';
import type { ProjectId } from '@varve/core';

/** What a route is called in the policy and in the audit log, and what it was asked about. */
export interface Attempt {
  readonly action: string;
  readonly target: string;
}

/** Who asks, and what is needed to answer for it later. */
export interface Caller extends Attempt {
  readonly principal: Principal;
  readonly requestId: string;
  /** What the policy says of this action on a thing of that project. */
  readonly mayOn: (projectId: ProjectId) => boolean;
  readonly seesAllProjects: boolean;
  readonly idempotency: { readonly key: string; readonly requestHash: string } | null;
  /** Set when something was asked for that is another tenant's. */
  trespassed: boolean;
}

/** `attempt`: known before it is known who asks. */
export type CallerRequest = FastifyRequest & { caller?: Caller; attempt?: Attempt };

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
/** A role, or none: any token for a project will do. */
export type Need = Role | 'anybody';
/** What a route needs unless the policy file says otherwise; `reader` when nothing is said. */
export const Needs = (role: Need) => SetMetadata(NEEDED_ROLE, role);

/** Whose things the caller may list; `null`: everybody's. */
export const scopeOf = ({ principal, seesAllProjects }: Caller): ProjectId | null =>
  seesAllProjects ? null : principal.projectId;

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
  if (row && caller.mayOn(row.projectId)) return row;
  if (row) caller.trespassed = true;
  throw new NotFoundError(kind, id);
}
