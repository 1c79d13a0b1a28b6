import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { identity } from '../../conductor/test/kit/control-plane.js';
import { freshDatabase } from '../../../testbed/services/shared.ts';
import { createApi } from '../src/create-api.js';
import type { Api } from '../src/create-api.js';

const dir = mkdtempSync(join(tmpdir(), 'varve-dashboard-'));
let api: Api;

beforeAll(async () => {
  mkdirSync(join(dir, 'assets'));
  writeFileSync(join(dir, 'index.html'), '<!doctype html><title>the page</title>');
  writeFileSync(join(dir, 'assets/app-1.js'), 'export {};');
  writeFileSync(join(dir, 'assets/app-1.js.br'), brotliCompressSync('export {};'));
  api = await createApi(
    {
      databaseUrl: await freshDatabase(),
      http: { host: '127.0.0.1', port: 0 },
      identity: { kind: 'static', tokensFile: '/nowhere' },
      hostDownAfterS: 30,
      frameAncestors: "'self' https://horizon.example",
      logLevel: 'silent',
    },
    { dashboardDir: dir, identity },
  );
});
afterAll(async () => {
  await api.close();
  rmSync(dir, { recursive: true });
});

describe('the dashboard', () => {
  it.each(['/', '/login', '/instances', '/instances/1/rollback?to=2', '/operations/3', '/admin/hosts'])(
    'is at %s',
    async (path) => {
      const answer = await fetch(api.url + path);
      expect(answer.status).toBe(200);
      expect(await answer.text()).toContain('the page');
      expect(answer.headers.get('content-type')).toMatch('text/html');
      expect(answer.headers.get('cache-control')).toBe('no-cache');
    },
  );

  it('loads nothing from elsewhere, and is framed by those alone who may', async () => {
    const policy = (await fetch(api.url)).headers.get('content-security-policy') ?? '';
    expect(policy).toContain("script-src 'self';");
    expect(policy).toContain("default-src 'self';");
    expect(policy).toMatch(/frame-ancestors 'self' https:\/\/horizon\.example$/);
  });

  it('has files that stay as they are, packed for those who take them so', async () => {
    const answer = await fetch(`${api.url}/assets/app-1.js`, { headers: { 'accept-encoding': 'br' } });
    expect(answer.headers.get('content-encoding')).toBe('br');
    expect(answer.headers.get('cache-control')).toContain('immutable');
    expect(await answer.text()).toBe('export {};');
  });

  it.each(['/assets/../index.html', '/assets/%2e%2e/index.html', '/assets/none.js', '/nothing', '/v1/nothing'])(
    'is not at %s',
    async (path) => {
      const answer = await fetch(api.url + path, { redirect: 'manual' });
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(await answer.text()).not.toContain('the page');
    },
  );

  it('says in a browser that an address leads nowhere, and to a program that nothing is found', async () => {
    const inBrowser = { headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' } };
    const page = await fetch(`${api.url}/nothing/here?at=all`, inBrowser);
    expect(page.status).toBe(404);
    expect(page.headers.get('content-type')).toMatch('text/html');
    expect(page.headers.get('content-security-policy')).toContain("default-src 'self'");
    expect(await page.text()).toContain('the page');

    const program = await fetch(`${api.url}/nothing/here`);
    expect(program.status).toBe(404);
    expect(program.headers.get('content-type')).toMatch('application/problem+json');

    for (const path of ['/v1/nothing', '/v1', '/docs/nothing', '/assets/none.js']) {
      const answer = await fetch(api.url + path, inBrowser);
      expect([path, answer.status]).toEqual([path, 404]);
      expect(await answer.text()).not.toContain('the page');
    }
    const posted = await fetch(`${api.url}/nothing`, { method: 'POST', ...inBrowser });
    expect(posted.headers.get('content-type')).toMatch('application/problem+json');
  });
});
