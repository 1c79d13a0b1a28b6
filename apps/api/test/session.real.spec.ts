import { AboutView, AuditPage, LoginView, ProblemDetails, SessionView } from '@varve/contracts';
import { ApiError, VarveClient } from '@varve/api-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, freshVhost } from '../../../testbed/services/shared.ts';
import { ControlPlane } from '../../conductor/test/kit/control-plane.js';
import { newInstance } from '../../conductor/test/kit/fake-worker.js';
import { until } from '../../conductor/test/kit/until.js';

let plane: ControlPlane;
const red = newInstance('red');
const SECRETS = ['right', 'a-wrong-password'];

beforeAll(async () => {
  plane = await ControlPlane.start({ databaseUrl: await freshDatabase(), amqpUrl: await freshVhost(), apis: 2 });
  await plane.host('compute-1', [red]);
});
afterAll(() => plane?.stop());

const url = (api = 0): string => plane.apis[api]?.url ?? '';
const clientOf = (token: string, api = 0): VarveClient => new VarveClient({ url: url(api), token, retries: 0 });
const rosa = { method: 'password', user: 'rosa', domain: 'Default', password: 'right' } as const;

describe('who one is', () => {
  it('is asked for with a token, and how one gets one without', async () => {
    expect(AboutView.parse(await (await fetch(`${url()}/v1/about`)).json())).toEqual({
      version: '0.1.0',
      identity: 'static',
    });
    const member = SessionView.parse((await plane.call('member-red', 'GET', '/v1/session')).body);
    expect(member).toMatchObject({ userId: 'user-member-red', projectId: 'red', roles: ['member'], expiresAt: null });
    expect(member.allProjects).toBe(false);
    expect(member.may).toEqual(expect.arrayContaining(['instances:list', 'rollbacks:create', 'session:show']));
    expect(member.may.filter((action) => /^(hosts|audit):/.test(action))).toEqual([]);
    const reader = SessionView.parse((await plane.call('reader-red', 'GET', '/v1/session')).body);
    expect(reader.may).toContain('snapshots:list');
    expect(reader.may).not.toContain('snapshots:create');
    const admin = SessionView.parse((await plane.call('admin-ops', 'GET', '/v1/session')).body);
    expect(admin).toMatchObject({ allProjects: true });
    expect(admin.may).toEqual(expect.arrayContaining(['hosts:list', 'audit:list']));
    expect(await plane.call('nobody', 'GET', '/v1/session')).toMatchObject({ status: 401 });
  });
});

describe('a log-in', () => {
  it('gives a token that opens what the user may, and names the projects to change to', async () => {
    const login = await clientOf('').login(rosa);
    expect(login).toMatchObject({
      userName: 'rosa',
      projectName: 'red',
      session: { userId: 'user-rosa', projectId: 'red', roles: ['member'] },
      projects: [{ id: 'red' }, { id: 'pink' }, { id: 'empty' }],
    });
    expect(Date.parse(login.session.expiresAt ?? '')).toBeGreaterThan(Date.now());
    expect((await clientOf(login.token, 1).instancePage()).items.map(({ id }) => id)).toEqual([red.id]);

    const pink = await clientOf('').login({ method: 'token', token: login.token, projectId: 'pink' });
    expect(pink.session).toMatchObject({ projectId: 'pink', roles: ['reader'] });
    expect((await clientOf(pink.token).instancePage()).items).toEqual([]);
    // No role at all there: nothing may be done, and that can be told.
    const empty = await clientOf('').login({ ...rosa, project: 'empty' });
    expect(await clientOf(empty.token).session()).toMatchObject({ roles: [], may: ['session:delete', 'session:show'] });
    await expect(clientOf(empty.token).instancePage()).rejects.toMatchObject({ code: 'forbidden' });
  });

  it('with a token says whose it is', async () => {
    const { token, session } = await clientOf('').login({ method: 'token', token: 'reader-blue' });
    expect([token, session.projectId]).toEqual(['reader-blue', 'blue']);
  });

  it('ends with the log-out', async () => {
    const { token } = await clientOf('').login(rosa);
    await clientOf(token).logout();
    await expect(clientOf(token).session()).rejects.toMatchObject({ status: 401 });
    expect(await plane.call('', 'DELETE', '/v1/session')).toMatchObject({ status: 401 });
  });

  it.each([
    [{ ...rosa, password: 'a-wrong-password' }, 401, 'login_failed'],
    [{ ...rosa, project: 'blue' }, 401, 'login_failed'],
    [{ method: 'token', token: 'no such' }, 401, 'login_failed'],
    [{ method: 'application_credential', id: 'x', secret: 'a-wrong-password' }, 422, 'login_unsupported'],
    [{ ...rosa, passwrod: 'a-wrong-password' }, 400, 'invalid_request'],
    [{ method: 'guess' }, 400, 'invalid_request'],
    [{}, 400, 'invalid_request'],
  ])('that is refused says why (%#), and not what was sent', async (body, status, code) => {
    const answer = await plane.call('', 'POST', '/v1/session', body);
    expect([answer.status, answer.body['code']]).toEqual([status, code]);
    for (const secret of SECRETS) expect(JSON.stringify(answer.body)).not.toContain(secret);
  });

  it('of somebody who guesses has to wait, on that API, and says for how long', async () => {
    const guess = () =>
      fetch(`${url()}/v1/session`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ ...rosa, password: 'a-wrong-password' }),
      });
    const answers = await Promise.all(Array.from({ length: 30 }, guess));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThanOrEqual(20);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401, 429]));
    const [one] = refused;
    expect(Number(one?.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(Number(one?.headers.get('retry-after'))).toBeLessThanOrEqual(60);
    expect(ProblemDetails.parse(await one?.json())).toMatchObject({ code: 'too_many_attempts', remedy: 'retry' });
    await expect(clientOf('').login(rosa)).rejects.toMatchObject({ status: 429 } satisfies Partial<ApiError>);
    // Whoever has a token goes on.
    await clientOf('member-red').session();
  });
});

describe('the audit log', () => {
  it('has who came in and went, and how often somebody tried in vain, without a secret', async () => {
    const rows = await plane.rows(`select action, outcome, code, user_id, sum(times)::int as times from audit_log
      where action like 'session:%' group by 1, 2, 3, 4 order by 1, 2, 3`);
    expect(rows).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ action: 'session:create', outcome: 'accepted', user_id: 'user-rosa' }),
        expect.objectContaining({ action: 'session:delete', outcome: 'accepted', user_id: 'user-rosa', times: 1 }),
      ]),
    );
    await until('all tries are counted', async () => {
      const [row] = await plane.rows(`select sum(times)::int as times from audit_log
        where action = 'session:create' and code = 'too_many_attempts'`);
      return Number(row?.['times']) >= 21;
    });
    const lines = await plane.rows(`select count(*)::int as n from audit_log where code = 'too_many_attempts'`);
    expect(Number(lines[0]?.['n'])).toBeLessThanOrEqual(2);
    const all = JSON.stringify(await plane.rows('select * from audit_log'));
    for (const secret of SECRETS) expect(all).not.toContain(secret);
  });

  it('is read by administrators, newest first, a page at a time, as far as it is asked for', async () => {
    for (const token of ['member-red', 'reader-red']) {
      expect(await plane.call(token, 'GET', '/v1/audit')).toMatchObject({ status: 403 });
    }
    const admin = clientOf('admin-ops');
    const ids: number[] = [];
    for await (const { id } of admin.audit({ limit: 2 })) ids.push(Number(id));
    expect(ids).toEqual([...ids].sort((a, b) => b - a));
    expect(ids).toHaveLength(new Set(ids).size);
    const count = await plane.rows('select count(*)::int as n from audit_log');
    expect(count[0]?.['n']).toBe(ids.length);

    const denied = await admin.auditPage({ outcome: 'denied', action: 'session:create' });
    expect(new Set(denied.items.map(({ outcome }) => outcome))).toEqual(new Set(['denied']));
    const mine = await admin.auditPage({ userId: 'user-rosa', projectId: 'pink' });
    expect(mine.items).toMatchObject([{ action: 'session:create', outcome: 'accepted', projectId: 'pink' }]);
    const from = mine.items[0]?.at ?? '';
    const since = await admin.auditPage({ from, to: from });
    expect(since.items.map(({ at }) => at)).toContain(from);
    expect((await admin.auditPage({ to: '2020-01-01T00:00:00Z' })).items).toEqual([]);
    const bad = await plane.call('admin-ops', 'GET', '/v1/audit?marker=nonsense');
    expect(bad).toMatchObject({ status: 400 });
    AuditPage.parse(denied);
    LoginView.parse(await clientOf('', 1).login(rosa));
  });
});
