import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parseApiConfig } from '../../api/src/config.js';
import { createApi } from '../../api/src/create-api.js';
import type { Api } from '../../api/src/create-api.js';
import { ControlPlane } from '../../conductor/test/kit/control-plane.js';
import { newInstance } from '../../conductor/test/kit/fake-worker.js';
import { Browser, logIn, seriousFaults } from '../../../testbed/browser/browser.ts';
import type { Page } from '../../../testbed/browser/browser.ts';
import { openCloud } from '../../../testbed/openstack/index.ts';
import type { Cloud, Login, Session } from '../../../testbed/openstack/index.ts';
import { keystoneEnv } from '../../../testbed/openstack/varve.ts';
import { freshDatabase, freshVhost } from '../../../testbed/services/shared.ts';
import { until } from '../../../testbed/services/until.ts';

// Coming in through a real Keystone, by somebody who clicks, and what is then seen. The host is played: this is about
// the door.

const DASHBOARD = resolve(import.meta.dirname, '../../../dist/apps/dashboard');
let cloud: Cloud;
let plane: ControlPlane;
let api: Api;
let browser: Browser;
let demo: Session;
let stranger: Session;
/** In the projects of both. */
let roving: Pick<Login, 'user' | 'password'>;
let forget: () => Promise<unknown>;
const mine = newInstance('-', { name: 'of-demo' });
const theirs = newInstance('-', { name: 'of-other' });

beforeAll(async () => {
  cloud = await openCloud();
  ({ demo } = cloud);
  stranger = await cloud.session('stranger');
  const settings = { databaseUrl: await freshDatabase(), amqpUrl: await freshVhost() };
  plane = await ControlPlane.start(settings);
  api = await createApi(
    parseApiConfig({
      ...keystoneEnv(cloud),
      VARVE_DATABASE_URL: settings.databaseUrl,
      VARVE_HTTP_PORT: '0',
      VARVE_IDENTITY: 'keystone',
      VARVE_HOST_DOWN_AFTER_S: '900',
      VARVE_LOG_LEVEL: 'silent',
    }),
    { dashboardDir: DASHBOARD },
  );
  await plane.host('compute-1', [
    { ...mine, projectId: demo.projectId as never },
    { ...theirs, projectId: stranger.projectId as never },
  ]);
  await someoneOfBoth();
  browser = await Browser.open();
});
afterAll(async () => {
  await browser?.close();
  await forget?.();
  await api?.close();
  await plane?.stop();
  await cloud?.close();
});
afterEach(() => {
  expect(browser.complaints.splice(0)).toEqual([]);
});

/** {@link roving}, with neither project as the default one. */
async function someoneOfBoth(): Promise<void> {
  const keystone = (method: string, path: string, body?: object) =>
    cloud.admin.request('identity', method, path, body && { body });
  const [user, password] = [`roving-${randomBytes(4).toString('hex')}`, randomBytes(12).toString('hex')];
  const made = await keystone('POST', '/users', { user: { name: user, domain_id: 'default', password } });
  const { id } = made['user'] as { id: string };
  forget = () => keystone('DELETE', `/users/${id}`);
  roving = { user, password };
  const [role] = (await keystone('GET', '/roles?name=member'))['roles'] as [{ id: string }];
  for (const { projectId } of [demo, stranger]) {
    await keystone('PUT', `/projects/${projectId}/users/${id}/roles/${role.id}`);
  }
}

const heading = (page: Page, name: string) => page.getByRole('heading', { level: 1, name });
const rowOf = (page: Page, name: string) => page.getByRole('row').filter({ hasText: name });
const account = (page: Page) => page.getByRole('button', { name: /^Account/ });
const pagesOffered = (page: Page) => page.getByRole('navigation', { name: 'Main' }).getByRole('link').allInnerTexts();
const enter = (page: Page) => page.getByRole('button', { name: 'Log in' }).click();

/** The ways in but the first are behind their tabs; fields of the others stay in the page, unseen. */
async function fill(page: Page, fields: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, value] of Object.entries(fields)) {
    await page.getByRole('tabpanel').getByLabel(name).fill(value);
  }
}

describe('with a user’s password', () => {
  it('a wrong one is refused in words; the right one leads to where the link did, and to one’s project alone', async () => {
    const { user, password, project } = cloud.file.logins.demo;
    const page = await browser.page();
    await page.goto(`${api.url}/instances?search=of-`);
    await heading(page, 'Log in to Varve').waitFor();
    await fill(page, { User: user, Password: `${password}x`, Project: project });
    await enter(page);
    const alert = page.getByRole('alert').filter({ hasText: 'login_failed' });
    await alert.getByText('These credentials are not valid').waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    await fill(page, { Password: password });
    await page.keyboard.press('Enter');
    await rowOf(page, mine.name).waitFor();
    expect(page.url()).toBe(`${api.url}/instances?search=of-`);
    expect(await rowOf(page, theirs.name).count()).toBe(0);
    await account(page).getByText(user).waitFor();
    expect(await pagesOffered(page)).toEqual(['Overview', 'Instances', 'Operations', 'Documentation']);
    await page.goto(`${api.url}/instances/${theirs.id}`);
    await page.getByText('There is no such thing, or it is not yours').waitFor();
    await page.goto(`${api.url}/admin/audit`);
    await page.getByText('Your role does not allow this').waitFor();
  });

  it('one is in no project that is not one’s own, and goes from one’s first to one’s other', async () => {
    const page = await browser.page();
    await page.goto(`${api.url}/instances`);
    await fill(page, { User: roving.user, Password: roving.password, Project: 'admin' });
    await enter(page);
    await page.getByRole('alert').getByText('not for that project').waitFor();
    await fill(page, { Project: '' });
    await enter(page);
    await rowOf(page, mine.name).waitFor();
    expect(await rowOf(page, theirs.name).count()).toBe(0);
    await page.getByRole('combobox', { name: 'Change project' }).click();
    await page.getByTitle(cloud.file.logins.stranger.project, { exact: true }).click();
    await rowOf(page, theirs.name).waitFor();
    expect(await rowOf(page, mine.name).count()).toBe(0);
  });

  it('an administrator sees all projects, the hosts, and who came in or did not', async () => {
    const { user, password, project } = cloud.file.logins.admin;
    await fetch(`${api.url}/v1/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ method: 'password', user, password: `${password}x` }),
    });
    const page = await browser.page();
    await page.goto(`${api.url}/instances`);
    await fill(page, { User: user, Password: password, Project: project });
    await enter(page);
    await rowOf(page, mine.name).waitFor();
    await rowOf(page, theirs.name).waitFor();
    expect(await pagesOffered(page)).toEqual(expect.arrayContaining(['Hosts', 'Audit log']));
    await page.getByRole('link', { name: 'Hosts' }).click();
    await heading(page, 'Hosts').waitFor();
    await rowOf(page, 'compute-1').getByText('Up').waitFor();
    // Denials of nobody are added up, and written a second later.
    const denied = `select from audit_log where code = 'login_failed'`;
    await until('the audit log remembers it', async () => (await plane.rows(denied)).length > 0);
    await page.getByRole('link', { name: 'Audit log' }).click();
    await heading(page, 'Audit log').waitFor();
    await rowOf(page, 'session:create').filter({ hasText: 'login_failed' }).first().waitFor();
    await rowOf(page, 'session:create').filter({ hasText: 'Accepted' }).first().waitFor();
  });
});

describe('with an application credential', () => {
  it('one is in with its roles alone', async () => {
    const path = `/users/${demo.userId}/application_credentials`;
    const body = { application_credential: { name: `door-${Date.now()}`, roles: [{ name: 'reader' }] } };
    const made = (await demo.request('identity', 'POST', path, { body }))['application_credential'];
    const { id, secret } = made as { id: string; secret: string };
    try {
      const page = await browser.page();
      await page.goto(`${api.url}/instances/${mine.id}`);
      await page.getByRole('tab', { name: 'Application credential' }).click();
      // Keystone compares the first 72 characters alone.
      await fill(page, { Id: id, Secret: `x${secret}` });
      await enter(page);
      await page.getByRole('alert').getByText('login_failed').waitFor();
      expect(await seriousFaults(page)).toEqual([]);
      await fill(page, { Secret: secret });
      await enter(page);
      await heading(page, mine.name).waitFor();
      await account(page).getByText(cloud.file.logins.demo.user).waitFor();
      await page.getByRole('note', { name: 'Snapshot now: Your role does not allow this.' }).waitFor();
    } finally {
      await demo.request('identity', 'DELETE', `${path}/${id}`);
    }
  });
});

describe('with a token', () => {
  it('that was pasted; when one logs out it is over, also at Keystone', async () => {
    const page = await browser.page();
    await page.goto(`${api.url}/instances`);
    await page.getByRole('tab', { name: 'Token' }).click();
    await fill(page, { Token: 'gAAAAABnot-one-of-Keystone' });
    await enter(page);
    await page.getByRole('alert').getByText('login_failed').waitFor();
    const token = await demo.renew();
    await fill(page, { Token: token });
    await enter(page);
    await rowOf(page, mine.name).waitFor();

    await account(page).click();
    await page.getByRole('menuitem', { name: 'Log out' }).click();
    await page.getByText('You are logged out.').waitFor();
    await page.goto(`${api.url}/instances`);
    await heading(page, 'Log in to Varve').waitFor();
    const headers = { 'x-auth-token': cloud.admin.token, 'x-subject-token': token };
    expect((await fetch(`${cloud.file.authUrl}/auth/tokens`, { headers })).status).toBe(404);
  });

  it('that came with a link, which shows where it is', async () => {
    const page = await browser.page();
    await logIn(page, api.url, stranger.token);
    await account(page).getByText(cloud.file.logins.stranger.user).waitFor();
  });
});
