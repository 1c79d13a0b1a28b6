import type { ProjectId } from '@varve/core';

export const IDENTITY = Symbol('Identity');

/** OpenStack's default roles; each may do what the ones after it may. */
export type Role = 'admin' | 'member' | 'reader';

/** Who asks. */
export interface Principal {
  readonly userId: string;
  readonly projectId: ProjectId;
  readonly role: Role;
}

export interface Identity {
  /**
   * @param token - as the client sent it
   * @returns `null` when it is not valid (any more)
   * @throws {ServiceUnavailableError} the identity service is away
   */
  authenticate(token: string): Promise<Principal | null>;
}
