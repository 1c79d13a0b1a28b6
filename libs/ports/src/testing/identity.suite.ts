import { LoginUnsupportedError } from '@varve/core';
import type { ProjectId } from '@varve/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Identity } from '../identity.port.js';

export interface IdentityHarness {
  readonly identity: Identity;
  /** A good one, for a project. */
  readonly token: string;
  /** Somebody who logs in by password; `null`: nobody does. */
  readonly person: {
    readonly user: string;
    readonly domain: string;
    readonly password: string;
    /** By name, as the next one. */
    readonly project: string;
    /** Exists, and is another's. */
    readonly noProjectOfTheirs: string;
  } | null;
  close(): Promise<void>;
}

/** What callers rely on in whatever knows who somebody is. */
export function runIdentitySuite(name: string, makeHarness: () => Promise<IdentityHarness>): void {
  describe(`identity ${name}`, () => {
    let harness: IdentityHarness;
    let identity: Identity;
    beforeAll(async () => {
      harness = await makeHarness();
      identity = harness.identity;
    });
    afterAll(() => harness?.close());

    it('lets in who has a token already, as the one who it stands for', async () => {
      const { token } = harness;
      const login = await identity.login({ method: 'token', token });
      expect(login?.token).toBe(token);
      expect(login?.principal).toEqual(await identity.authenticate(token));
    });

    it('gives no token for what is none, or for a project that is not theirs', async () => {
      expect(await identity.login({ method: 'token', token: 'made-up-and-long-enough' })).toBeNull();
      expect(await identity.login({ method: 'token', token: '\r\n' })).toBeNull();
      const projectId = 'not-a-project-of-theirs' as ProjectId;
      expect(await identity.login({ method: 'token', token: harness.token, projectId })).toBeNull();
    });

    it('changes to a project of the user, where projects are known', async () => {
      const principal = await identity.authenticate(harness.token);
      const projects = await identity.projectsOf(harness.token);
      if (harness.person) expect(projects.map(({ id }) => id)).toContain(principal?.projectId);
      for (const { id } of projects) {
        const login = await identity.login({ method: 'token', token: harness.token, projectId: id });
        expect(login?.principal).toMatchObject({ userId: principal?.userId, projectId: id });
        expect(await identity.authenticate(login?.token ?? '')).toEqual(login?.principal);
      }
      expect(await identity.projectsOf('made-up-and-long-enough')).toEqual([]);
    });

    it('lets in who knows the password, and nobody else', async () => {
      const { person } = harness;
      if (!person) {
        const guess = { method: 'password', user: 'u', domain: 'Default', password: 'p' } as const;
        await expect(identity.login(guess)).rejects.toBeInstanceOf(LoginUnsupportedError);
        return;
      }
      const { user, domain, password, project, noProjectOfTheirs } = person;
      const right = { method: 'password', user, domain, password } as const;
      for (const credentials of [right, { ...right, project }, { ...right, project, projectDomain: domain }]) {
        const login = await identity.login(credentials);
        expect(login).toMatchObject({ userName: user, projectName: project });
        expect(await identity.authenticate(login?.token ?? '')).toEqual(login?.principal);
      }
      for (const wrong of [
        { password: 'wrong' },
        { user: 'nobody' },
        { domain: 'nowhere' },
        { project: noProjectOfTheirs },
        { project: 'no such' },
        { project, projectDomain: 'nowhere' },
      ]) {
        expect([wrong, await identity.login({ ...right, ...wrong })]).toEqual([wrong, null]);
      }
    });

    it('takes a token back, at once and for good, where it gave it out', async () => {
      const { person, token } = harness;
      if (!person) {
        await identity.revoke(token);
        expect(await identity.authenticate(token)).not.toBeNull();
        return;
      }
      const { user, domain, password } = person;
      const login = await identity.login({ method: 'password', user, domain, password });
      const given = login?.token ?? '';
      expect(await identity.authenticate(given)).not.toBeNull();
      await identity.revoke(given);
      expect(await identity.authenticate(given)).toBeNull();
      expect(await identity.login({ method: 'token', token: given })).toBeNull();
      await identity.revoke(given);
      expect(await identity.authenticate(token), "another one of the user's").not.toBeNull();
    });
  });
}
