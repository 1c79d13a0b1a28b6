import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ControlPlane } from '../../conductor/test/kit/control-plane.js';
import { newInstance } from '../../conductor/test/kit/fake-worker.js';
import type { FakeWorker } from '../../conductor/test/kit/fake-worker.js';
import { freshDatabase, freshVhost } from '../../../testbed/services/shared.ts';
import { openCloud } from '../../../testbed/openstack/index.ts';
import type { Cloud, Session } from '../../../testbed/openstack/index.ts';
import { until } from '../../../testbed/services/until.ts';
import { createApi } from '../src/create-api.js';
import type { Api } from '../src/create-api.js';

// Who may do what with tokens of a real Keystone. The hosts are played: this is about the door.

const CACHE_S = 1;
let cloud: Cloud;
let plane: ControlPlane;
let worker: FakeWorker;
let api: Api;
let demo: Session;
let reader: Session;
let stranger: Session;
let admin: Session;
const mine = newInstance('-');
const theirs = newInstance('-');
/** Of demo's instance. */
let point: string;
let rollback: string;

beforeAll(async () => {
  cloud = await openCloud();
  [demo, reader, stranger, admin] = await Promise.all([
    cloud.session('demo'),
    cloud.session('reader'),
    cloud.session('stranger'),
    cloud.session('admin'),
  ]);
  const settings = { databaseUrl: await freshDatabase(), amqpUrl: await freshVhost() };
  plane = await ControlPlane.start(settings);
  const { authUrl, logins } = cloud.file;
  api = await createApi({
    databaseUrl: settings.databaseUrl,
    http: { host: '127.0.0.1', port: 0 },
    hostDownAfterS: 900,
    frameAncestors: "'none'",
    logLevel: 'silent',
    identity: {
      kind: 'keystone',
      cacheMs: CACHE_S * 1_000,
      keystone: {
        url: authUrl,
        username: logins.varve.user,
        password: logins.varve.password,
        project: logins.varve.project,
        userDomain: 'Default',
        projectDomain: 'Default',
        region: null,
        interface: 'public',
        timeoutMs: 15_000,
      },
    },
  });
  worker = await plane.host('compute-1', [
    { ...mine, projectId: demo.projectId as never },
    { ...theirs, projectId: stranger.projectId as never },
  ]);
  // The API with played tokens makes what is there to be reached for.
  const member = `member-${demo.projectId}`;
  point = String((await plane.snapshot(member, worker, mine.id))['uid']);
  const asked = await plane.call(member, 'POST', `/v1/instances/${mine.id}/rollbacks`, { snapshotUid: point });
  rollback = String(asked.body['id']);
  await plane.perform(worker, rollback);
  await plane.operation(member, rollback, 'succeeded');
});
afterAll(async () => {
  await api?.close();
  await plane?.stop();
  await cloud?.close();
});

type Method = 'GET' | 'POST' | 'DELETE';
interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown> & { items?: Record<string, unknown>[] };
}

async function call(method: Method, path: string, headers: Record<string, string>, body?: unknown): Promise<Answer> {
  const response = await fetch(api.url + path, {
    method,
    headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as Answer['body']) };
}
const as = (session: Session, method: Method, path: string, body?: unknown): Promise<Answer> =>
  call(method, path, { 'x-auth-token': session.token }, body);

async function logIn(identity: object, scope?: unknown): Promise<string> {
  const response = await fetch(`${cloud.file.authUrl}/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ auth: { identity, ...(scope !== undefined && { scope }) } }),
  });
  const token = response.headers.get('x-subject-token');
  if (token === null) throw new Error(`Keystone: ${response.status}`);
  return token;
}
const password = (login: { user: string; password: string }) => ({
  methods: ['password'],
  password: { user: { name: login.user, domain: { id: 'default' }, password: login.password } },
});

/** Where the audit log says so, and nothing else came of it. Those of nobody are added up, a second later. */
const denials = async (): Promise<number> =>
  Number((await plane.rows(`select sum(times) from audit_log where outcome = 'denied'`))[0]?.['sum']);
const traces = async (): Promise<unknown> =>
  (
    await plane.rows('select (select count(*) from operations) as operations, (select count(*) from outbox) as jobs')
  )[0];

describe('tokens of a real Keystone', () => {
  it('open what is their project’s, as their roles have it', async () => {
    expect(await as(demo, 'GET', `/v1/instances/${mine.id}`)).toMatchObject({ status: 200 });
    expect(await as(reader, 'GET', `/v1/snapshots/${point}`)).toMatchObject({ status: 200 });
    const lists = await Promise.all([demo, stranger, admin].map((who) => as(who, 'GET', '/v1/instances')));
    const ids = lists.map(({ body }) => body.items?.map(({ id }) => id).sort());
    expect(ids).toEqual([[mine.id], [theirs.id], [mine.id, theirs.id].sort()]);
    expect(await as(admin, 'GET', '/v1/hosts')).toMatchObject({ status: 200 });
    const taken = await as(demo, 'POST', `/v1/instances/${mine.id}/snapshots`, {});
    expect(taken.status).toBe(202);
    await plane.perform(worker, taken.body['operationId']);
    await plane.operation('admin-x', taken.body['operationId'], 'succeeded');
  });

  it('are given out by us for a password, changed to another project, and taken back', async () => {
    const { user, password: secret, project } = cloud.file.logins.demo;
    const headers = { 'content-type': 'application/json' };
    const post = (body: object) => call('POST', '/v1/session', headers, body);
    const login = await post({ method: 'password', user, password: secret, project });
    expect(login).toMatchObject({
      status: 200,
      body: { userName: user, projectName: project, session: { userId: demo.userId, projectId: demo.projectId } },
    });
    const token = String(login.body['token']);
    expect((await call('GET', `/v1/instances/${mine.id}`, { 'x-auth-token': token })).status).toBe(200);
    expect((await call('GET', `/v1/instances/${theirs.id}`, { 'x-auth-token': token })).status).toBe(404);

    const again = await post({ method: 'token', token, projectId: demo.projectId });
    expect(again).toMatchObject({ status: 200, body: { projects: [{ id: demo.projectId, name: project }] } });
    expect((await post({ method: 'token', token, projectId: stranger.projectId })).status).toBe(401);
    expect((await post({ method: 'password', user, password: `${secret}x` })).status).toBe(401);

    expect((await call('DELETE', '/v1/session', { 'x-auth-token': token })).status).toBe(204);
    expect((await call('GET', `/v1/instances/${mine.id}`, { 'x-auth-token': token })).status).toBe(401);
    const log = JSON.stringify(await plane.rows('select * from audit_log'));
    expect(log).toContain('session:create');
    for (const kept of [secret, token]) expect(log).not.toContain(kept);
  });

  const m = (): string => `/v1/instances/${mine.id}`;
  type Try = [string, number, () => Promise<Answer>];
  const tries: Try[] = [
    ['no token', 401, () => call('GET', '/v1/instances', {})],
    ['a made-up token', 401, () => call('GET', '/v1/instances', { 'x-auth-token': 'gAAAAABmade-up' })],
    [
      'a token with another end',
      401,
      () => call('GET', '/v1/instances', { 'x-auth-token': `${demo.token.slice(0, -6)}AAAAAA` }),
    ],
    [
      'the SHA-256 of a token that was just used',
      401,
      () => call('GET', m(), { 'x-auth-token': createHash('sha256').update(demo.token).digest('base64') }),
    ],
    ['a token as a password', 401, () => call('GET', m(), { authorization: `Basic ${btoa(`x:${demo.token}`)}` })],
    [
      'the headers that a proxy of Keystone would set',
      401,
      () =>
        call('GET', m(), {
          'x-identity-status': 'Confirmed',
          'x-roles': 'admin',
          'x-project-id': demo.projectId,
          'x-user-id': demo.userId,
        }),
    ],
    [
      'those headers beside a token of somebody else',
      404,
      () =>
        call('GET', m(), {
          'x-auth-token': stranger.token,
          'x-roles': 'admin',
          'x-project-id': demo.projectId,
          'x-service-token': stranger.token,
        }),
    ],
    [
      'a token for no project',
      403,
      async () => call('GET', m(), { 'x-auth-token': await logIn(password(cloud.file.logins.demo), 'unscoped') }),
    ],
    [
      'an administrator’s token for the whole system',
      403,
      async () => {
        const token = await logIn(password(cloud.file.logins.admin), { system: { all: true } });
        return call('GET', m(), { 'x-auth-token': token });
      },
    ],
    ['a stranger’s look at an instance', 404, () => as(stranger, 'GET', m())],
    ['a stranger’s look at its restore points', 404, () => as(stranger, 'GET', `${m()}/restore-points`)],
    ['a stranger’s snapshot', 404, () => as(stranger, 'POST', `${m()}/snapshots`, {})],
    ['a stranger’s rollback', 404, () => as(stranger, 'POST', `${m()}/rollbacks`, { snapshotUid: point })],
    [
      'a rollback of one’s own instance to another’s point',
      404,
      () => as(stranger, 'POST', `/v1/instances/${theirs.id}/rollbacks`, { snapshotUid: point }),
    ],
    ['a stranger’s undo', 404, () => as(stranger, 'POST', `/v1/rollbacks/${rollback}/undo`)],
    ['a stranger’s cancel', 404, () => as(stranger, 'POST', `/v1/operations/${rollback}/cancel`)],
    ['a stranger’s deletion', 404, () => as(stranger, 'DELETE', `/v1/snapshots/${point}`)],
    ['a stranger’s ear at the events', 404, () => as(stranger, 'GET', `/v1/operations/${rollback}/events`)],
    ['a reader’s snapshot', 403, () => as(reader, 'POST', `${m()}/snapshots`, {})],
    ['a reader’s rollback', 403, () => as(reader, 'POST', `${m()}/rollbacks`, { snapshotUid: point })],
    ['a reader’s undo', 403, () => as(reader, 'POST', `/v1/rollbacks/${rollback}/undo`)],
    ['a reader’s deletion', 403, () => as(reader, 'DELETE', `/v1/snapshots/${point}`)],
    ['a member’s look at the hosts', 403, () => as(demo, 'GET', '/v1/hosts')],
    [
      'a write with an application credential for reading',
      403,
      async () => {
        const path = `/users/${demo.userId}/application_credentials`;
        const body = { application_credential: { name: `door-${Date.now()}`, roles: [{ name: 'reader' }] } };
        const made = (await demo.request('identity', 'POST', path, { body }))['application_credential'];
        const { id, secret } = made as { id: string; secret: string };
        const token = await logIn({ methods: ['application_credential'], application_credential: { id, secret } });
        const answer = await call('POST', `${m()}/snapshots`, { 'x-auth-token': token }, {});
        await demo.request('identity', 'DELETE', `${path}/${id}`);
        return answer;
      },
    ],
    [
      'a token that was revoked, once it can no longer be remembered',
      401,
      async () => {
        const token = await logIn(password(cloud.file.logins.demo), {
          project: { name: cloud.file.logins.demo.project, domain: { id: 'default' } },
        });
        expect((await call('GET', m(), { 'x-auth-token': token })).status).toBe(200);
        const headers = { 'x-auth-token': token, 'x-subject-token': token };
        await fetch(`${cloud.file.authUrl}/auth/tokens`, { method: 'DELETE', headers });
        const end = Date.now() + CACHE_S * 1_000;
        for (;;) {
          const answer = await call('GET', m(), { 'x-auth-token': token });
          if (answer.status !== 200 || Date.now() > end + 500) return answer;
        }
      },
    ],
  ];

  it.each(tries)('open nothing for %s (%i), which the audit log remembers', async (_, status, attempt) => {
    const [before, logged] = [await traces(), await denials()];
    const answer = await attempt();
    expect([answer.status, answer.body['status']]).toEqual([status, status]);
    expect(JSON.stringify(answer.body)).not.toContain(demo.projectId);
    expect(await traces()).toEqual(before);
    await until('the audit log remembers it', async () => (await denials()) > logged);
  });
});
