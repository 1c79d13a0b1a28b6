import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCloud } from '../../../../../testbed/openstack/index.ts';
import type { Cloud, Session } from '../../../../../testbed/openstack/index.ts';
import { TokenNotScopedError } from '@varve/core';
import { runIdentitySuite } from '@varve/ports/testing';
import { KeystoneSession } from '../../openstack/index.js';
import { KeystoneIdentity } from './keystone-identity.js';

let cloud: Cloud;
let demo: Session;
let identity: KeystoneIdentity;
let now = Date.now();

beforeAll(async () => {
  cloud = await openCloud();
  const { authUrl, logins } = cloud.file;
  const session = new KeystoneSession({
    url: authUrl,
    username: logins.varve.user,
    password: logins.varve.password,
    project: logins.varve.project,
    userDomain: 'Default',
    projectDomain: 'Default',
    region: null,
    interface: 'public',
    timeoutMs: 15_000,
  });
  identity = new KeystoneIdentity({ session, cacheMs: 30_000, now: () => now });
});
afterAll(() => cloud.close());

/** As `POST /v3/auth/tokens` gives it. */
async function logIn(methods: object, scope?: object): Promise<string> {
  const response = await fetch(`${cloud.file.authUrl}/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ auth: { identity: methods, ...(scope && { scope }) } }),
  });
  expect(response.status).toBe(201);
  return response.headers.get('x-subject-token') ?? '';
}

runIdentitySuite('of a real Keystone', async () => {
  const own = await openCloud();
  const { user, password, project } = own.file.logins.demo;
  return {
    identity,
    token: (await own.session('demo')).token,
    person: { user, password, project, domain: 'Default', noProjectOfTheirs: own.file.logins.stranger.project },
    close: () => own.close(),
  };
});

const password = () => {
  const { user, password } = cloud.file.logins.demo;
  return { methods: ['password'], password: { user: { name: user, domain: { id: 'default' }, password } } };
};

describe('tokens of a real Keystone', () => {
  it.each([
    ['admin', ['admin', 'member', 'reader']],
    ['demo', ['member', 'reader']],
    ['reader', ['reader']],
    ['stranger', ['member', 'reader']],
  ] as const)('of %s have the roles %j in their project', async (who, roles) => {
    const session = await cloud.session(who);
    const principal = await identity.authenticate(session.token);
    expect(principal).toMatchObject({ userId: session.userId, projectId: session.projectId });
    expect([...(principal?.roles ?? [])].sort()).toEqual([...roles].sort());
  });

  it('that nobody gave out are none', async () => {
    expect(await identity.authenticate('gAAAAABk-made-up')).toBeNull();
    const { token } = await cloud.session('demo');
    expect(await identity.authenticate(`${token.slice(0, -4)}AAAA`)).toBeNull();
  });

  it('that are for no project are refused as such', async () => {
    const unscoped = await logIn(password(), 'unscoped' as never);
    await expect(identity.authenticate(unscoped)).rejects.toBeInstanceOf(TokenNotScopedError);
  });

  it('that are revoked stop to count within the stated time', async () => {
    demo = await cloud.session('demo');
    expect(await identity.authenticate(demo.token)).not.toBeNull();
    const headers = { 'x-auth-token': demo.token, 'x-subject-token': demo.token };
    const revoked = await fetch(`${cloud.file.authUrl}/auth/tokens`, { method: 'DELETE', headers });
    expect(revoked.status).toBe(204);
    now += 30_000;
    expect(await identity.authenticate(demo.token)).toBeNull();
  });

  it('of an application credential have its roles, and stop to count when it is deleted', async () => {
    demo = await cloud.session('demo');
    const path = `/users/${demo.userId}/application_credentials`;
    const body = { application_credential: { name: `hc-${now}`, roles: [{ name: 'reader' }] } };
    const made = await demo.request('identity', 'POST', path, { body });
    const { id, secret } = made['application_credential'] as { id: string; secret: string };
    const token = await logIn({ methods: ['application_credential'], application_credential: { id, secret } });
    const principal = { userId: demo.userId, projectId: demo.projectId, roles: ['reader'] };
    expect(await identity.authenticate(token)).toMatchObject(principal);
    const login = await identity.login({ method: 'application_credential', id, secret });
    expect(login).toMatchObject({ principal, projectName: 'demo' });
    expect(await identity.authenticate(login?.token ?? '')).toMatchObject(principal);
    expect(await identity.login({ method: 'application_credential', id, secret: 'wrong' })).toBeNull();
    expect(await identity.login({ method: 'application_credential', id: 'no such', secret })).toBeNull();
    await demo.request('identity', 'DELETE', `${path}/${id}`);
    now += 30_000;
    expect(await identity.authenticate(token)).toBeNull();
  });
});
