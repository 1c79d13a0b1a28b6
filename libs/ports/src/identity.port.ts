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
  /** When its token ends; `null`: not by itself. */
  readonly expiresAt: Date | null;
}

/** How somebody comes by a token. Secrets: for the identity service alone, never for a log. */
export type Credentials =
  /** One that is there already; with a project, a new one for that project. */
  | { readonly method: 'token'; readonly token: string; readonly projectId?: ProjectId | undefined }
  /** All by name. Without a project: the user's own default one, else the first that there is. */
  | {
      readonly method: 'password';
      readonly user: string;
      readonly domain: string;
      readonly password: string;
      readonly project?: string | undefined;
      /** Without: the user's. */
      readonly projectDomain?: string | undefined;
    }
  | { readonly method: 'application_credential'; readonly id: string; readonly secret: string };

export interface Login {
  readonly token: string;
  readonly principal: Principal;
  /** `null`: not known, so too below. */
  readonly userName: string | null;
  readonly projectName: string | null;
}

export interface Project {
  readonly id: ProjectId;
  readonly name: string;
}

export interface Identity {
  /**
   * @param token - as the client sent it
   * @returns `null` when it is not valid (any more)
   * @throws {TokenNotScopedError} valid, but for no project: everything here belongs to one
   * @throws {ServiceUnavailableError} the identity service is away
   */
  authenticate(token: string): Promise<Principal | null>;

  /**
   * A token for a project. Asks anew every time: nothing is remembered.
   *
   * @returns `null` when the credentials are not right, or not for that project: which of both is not told
   * @throws {LoginUnsupportedError} there is no such way in here
   * @throws {TokenNotScopedError} they are right, and the user has no project
   * @throws {ServiceUnavailableError} as above
   */
  login(credentials: Credentials): Promise<Login | null>;

  /**
   * Those that the user of the token may ask for a token of; empty where that is not known.
   *
   * @throws {ServiceUnavailableError} as above
   */
  projectsOf(token: string): Promise<readonly Project[]>;

  /**
   * Ends a token. Here it no longer counts from now on; elsewhere once it is no longer remembered. Where tokens are
   * given out by a person, nothing happens. One that is none any more is no error.
   *
   * @throws {ServiceUnavailableError} as above; it still counts
   */
  revoke(token: string): Promise<void>;
}
