import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TestApi } from '../../../libs/api-client/src/testing/test-api.js';
import { runCli } from './run-cli.js';

let api: TestApi;
let dir: string;
let file: string;
beforeEach(async () => {
  api = await TestApi.start();
  api.identity = 'keystone';
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
  expect(await varve(['logout'])).toEqual({ code: 0, out: '', err: `The token is revoked, and ${file} is deleted.\n` });
  expect(api.requests('DELETE', /session/)).toHaveLength(1);
  expect((await varve(['instance', 'list'])).err).toContain('varve login');
});

describe('logout', () => {
  const kept = (): string => readFileSync(file, 'utf8');
  beforeEach(() => varve(['login', '--user', 'ann'], { OS_PASSWORD: api.secret }));

  it.each([
    ['VARVE_TOKEN', [], (token: string) => ({ VARVE_TOKEN: token })],
    ['--token', ['--token', 'a-token'], () => ({})],
  ])('leaves the file of another login when the token came by %s', async (_, args, envOf) => {
    const { code, err } = await varve(['logout', ...args], envOf(api.token));
    expect(code).toBe(0);
    expect(err).toBe('The token is revoked. It was given by itself; no file was deleted.\n');
    expect(kept()).toBe(`${api.token}\n`);
  });

  it('leaves a file that was named for it, which somebody else may keep', async () => {
    const mine = join(dir, 'mine');
    writeFileSync(mine, api.token);
    const said = `The token is revoked. ${mine}, which was named for it, is left as it is.\n`;
    expect(await varve(['logout', '--token-file', mine])).toMatchObject({ code: 0, err: said });
    expect(await varve(['logout'], { VARVE_TOKEN_FILE: mine })).toMatchObject({ code: 0, err: said });
    expect([readFileSync(mine, 'utf8'), kept()]).toEqual([api.token, `${api.token}\n`]);
  });

  it('does not claim to revoke a token of the tokens file, and leaves the only copy of it', async () => {
    api.identity = 'static';
    const { code, err } = await varve(['logout']);
    expect(code).toBe(0);
    expect(err).toMatch(/^Nothing was revoked or deleted: .* counts until it is taken out there\.\n$/);
    expect(kept()).toBe(`${api.token}\n`);
    expect((await varve(['logout', '--help'])).out).toMatch(/without Keystone, one of\s+the API's tokens file goes on/);
  });
});

describe('another project', () => {
  const ids = ['0'.repeat(32), '1'.repeat(32), '2'.repeat(32)] as const;
  beforeEach(() => {
    api.projects = [
      { id: ids[0], name: 'blue' },
      { id: ids[1], name: 'twice' },
      { id: ids[2], name: 'twice' },
    ];
  });

  it.each([
    ['by name', 'blue', ids[0]],
    ['by id', ids[2], ids[2]],
  ])('is one for the token at hand, %s', async (_, project, projectId) => {
    const { code, err } = await varve(['login', '--project', project], { VARVE_TOKEN: api.token });
    expect(code).toBe(0);
    expect(api.requests('POST', /session/).map(({ body }) => body)).toEqual([
      { method: 'token', token: api.token },
      { method: 'token', token: api.token, projectId },
    ]);
    expect(readFileSync(file, 'utf8')).toBe(`${api.token}\n`);
    expect(err).toMatch(/\nVARVE_TOKEN is set and counts before it: unset it to use this one\.\n$/);
  });

  it('takes the token that login has kept', async () => {
    await varve(['login', '--user', 'ann'], { OS_PASSWORD: api.secret });
    const { code, err } = await varve(['login', '--project', 'blue']);
    expect(code).toBe(0);
    expect(err).not.toContain('VARVE_TOKEN');
  });

  it.each([
    ['twice', /^varve: 2 of your projects are called twice; give one's id:\n {2}1{32}\n {2}2{32}\n$/],
    ['bleu', /^varve: You are in no project bleu\n\(Did you mean blue\?\)\n$/],
  ])('%s is not guessed', async (project, said) => {
    const { code, err } = await varve(['login', '--project', project], { VARVE_TOKEN: api.token });
    expect(code).toBe(2);
    expect(err).toMatch(said);
    expect(() => statSync(file)).toThrow('ENOENT');
  });

  it('is taken at its word where nobody knows which there are', async () => {
    api.projects = [];
    expect((await varve(['login', '--project', 'demo'], { VARVE_TOKEN: api.token })).code).toBe(0);
    expect(api.requests('POST', /session/)[1]?.body).toMatchObject({ projectId: 'demo' });
  });
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
