import { isProjectId } from '@varve/core';
import type { Principal } from '@varve/ports';
import { z } from 'zod';

/** What Keystone says of a token, as far as it matters here: asked about one, and when it gives one out. */
export const Validation = z.object({
  token: z.object({
    user: z.object({ id: z.string().min(1).max(255), name: z.string().nullish() }),
    /** Absent from a token for a domain, for the system, or for nothing. */
    project: z.object({ id: z.string().refine(isProjectId, 'a project id'), name: z.string().nullish() }).optional(),
    roles: z.array(z.object({ name: z.string() })).default([]),
    expires_at: z.iso.datetime({ offset: true }),
  }),
});
export type Validated = z.output<typeof Validation>['token'];

/** @returns `null`: it is for no project */
export const principalOf = ({ user, project, roles, expires_at }: Validated): Principal | null =>
  project
    ? {
        userId: user.id,
        projectId: project.id,
        roles: roles.map(({ name }) => name.toLowerCase()),
        expiresAt: new Date(expires_at),
      }
    : null;
