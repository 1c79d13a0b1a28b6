import type { ProjectId } from '@varve/core';

export const IDENTITY = Symbol('Identity');

/** OpenStack's default roles, and `service` for what runs on hosts without a person. */
export type Role = 'admin' | 'member' | 'reader' | 'service';

/** Who asks, and for which project. */
export interface Principal {
  readonly userId: string;
  readonly projectId: ProjectId;
  /** By name, as given: whether one implies another is for the policy to say. Others than {@link Role} may be among them. */
  readonly roles: readonly string[];
}

export interface Identity {
  /**
   * @param token - as the client sent it
   * @returns `null` when it is not valid (any more)
   * @throws {TokenNotScopedError} valid, but for no project: everything here belongs to one
   * @throws {ServiceUnavailableError} the identity service is away
   */
  authenticate(token: string): Promise<Principal | null>;
}
