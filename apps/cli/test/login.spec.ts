import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { TestApi } from '../../../libs/api-client/src/testing/test-api.js';
import { runCli } from './run-cli.js';

let api: TestApi;
let dir: string;
let file: string;
beforeEach(async () => {
  api = await TestApi.start();
  dir = mkdtempSync(join(tmpdir(), 'varve-login-'));
  file = join(dir, 'varve', 'token');
});
afterEach(async () => {
  await api.close();
  rmSync(dir, { recursive: true });
});

const varve = (args: readonly string[], env: Record<string, string> = {}) =>
  runCli(args, { VARVE_URL: api.url, XDG_CONFIG_HOME: dir, ...env });

it('keeps the token for the commands that follow, for its owner alone, until logout', async () => {
  const { code, out, err } = await varve(['login', '--user', 'ann', '--project', 'demo'], { OS_PASSWORD: api.secret });
  expect({ code, out }).toEqual({ code: 0, out: '' });
  expect(err).toMatch(/^Logged in as Ann, project demo\.\n/);
  expect(err).not.toContain(api.token);
  expect(readFileSync(file, 'utf8')).toBe(`${api.token}\n`);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(api.requests('POST', /session/)[0]?.body).toEqual({
    method: 'password',
    user: 'ann',
    domain: 'Default',
    password: api.secret,
    project: 'demo',
    projectDomain: 'Default',
  });

  expect((await varve(['instance', 'list'])).code).toBe(0);
  expect((await varve(['logout'])).code).toBe(0);
  expect(api.requests('DELETE', /session/)).toHaveLength(1);
  expect((await varve(['instance', 'list'])).err).toContain('varve login');
});

it('takes what openrc files set, and an application credential', async () => {
  const user = { OS_USERNAME: 'ann', OS_USER_DOMAIN_NAME: 'people', OS_PASSWORD: api.secret, OS_PROJECT_NAME: 'web' };
  expect((await varve(['login'], { ...user, OS_PROJECT_DOMAIN_NAME: 'projects' })).code).toBe(0);
  expect(api.requests('POST', /session/)[0]?.body).toMatchObject({
    user: 'ann',
    domain: 'people',
    project: 'web',
    projectDomain: 'projects',
  });
  const secret = { OS_APPLICATION_CREDENTIAL_SECRET: api.secret };
  expect((await varve(['login', '--application-credential', 'c1'], secret)).code).toBe(0);
  expect(api.requests('POST', /session/)[1]?.body).toEqual({
    method: 'application_credential',
    id: 'c1',
    secret: api.secret,
  });
});

it('keeps no token, and not the secret, where it is refused', async () => {
  const { code, err } = await varve(['login', '--user', 'ann'], { OS_PASSWORD: 'guessed wrong' });
  expect(code).toBe(5);
  expect(err).toContain('login_failed');
  expect(err).not.toContain('guessed wrong');
  expect(() => statSync(file)).toThrow('ENOENT');
});

it('takes away what others could read of a file that was there', async () => {
  const given = join(dir, 'mine');
  writeFileSync(given, 'old', { mode: 0o644 });
  expect((await varve(['login', '--user', 'ann', '--token-file', given], { OS_PASSWORD: api.secret })).code).toBe(0);
  expect(statSync(given).mode & 0o777).toBe(0o600);
});

it('asks nobody where there is nobody', async () => {
  const { code, err } = await varve(['login', '--user', 'ann']);
  expect({ code, err }).toMatchObject({ code: 2, err: expect.stringContaining('set OS_PASSWORD') as string });
  expect((await varve(['login'])).err).toContain('Who?');
});
