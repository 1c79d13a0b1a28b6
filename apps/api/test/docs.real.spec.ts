import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildSite } from '../../../scripts/docs/build.ts';
import { PAGES } from '../../../scripts/docs/pages.ts';
import { freshDatabase } from '../../../testbed/services/shared.ts';
import { identity } from '../../conductor/test/kit/control-plane.js';
import { createApi } from '../src/create-api.js';
import type { Api } from '../src/create-api.js';

const dir = mkdtempSync(join(tmpdir(), 'varve-docs-'));
let api: Api;

beforeAll(async () => {
  await buildSite(dir);
  api = await createApi(
    {
      databaseUrl: await freshDatabase(),
      http: { host: '127.0.0.1', port: 0 },
      identity: { kind: 'static', tokensFile: '/nowhere' },
      hostDownAfterS: 30,
      frameAncestors: "'none'",
      logLevel: 'silent',
    },
    { docsDir: dir, identity },
  );
});
afterAll(async () => {
  await api.close();
  rmSync(dir, { recursive: true });
});

const get = (path: string) => fetch(api.url + path);

describe('the documentation', () => {
  it('has every page of its menu, as it is called there', async () => {
    for (const { path } of PAGES) {
      const answer = await get(`/docs/${path === 'index' ? '' : path}`);
      expect([path, answer.status]).toEqual([path, 200]);
      expect(answer.headers.get('content-type')).toMatch('text/html');
      expect(await answer.text()).toContain('<main');
    }
  });

  it('is found without a slash too', async () => {
    const answer = await get('/docs');
    expect([answer.status, new URL(answer.url).pathname]).toEqual([200, '/docs/']);
  });

  it('may load what comes from here, and nothing else', async () => {
    for (const path of ['/docs/', '/docs/concepts', '/docs/none']) {
      const policy = (await get(path)).headers.get('content-security-policy') ?? '';
      expect(policy).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self';/);
    }
    expect((await get('/docs/assets/docs.css')).headers.get('x-content-type-options')).toBe('nosniff');
  });

  it('has a page for whoever looks for one that is not there; a program is told as ever', async () => {
    const accept = 'text/html,application/xhtml+xml;q=0.9,*/*;q=0.8';
    for (const path of ['/docs/none', '/docs/openstack/none', '/docs/a/b/c/?q=1', '/docs/404', '/docs/404.html']) {
      const answer = await fetch(api.url + path, { headers: { accept } });
      expect([path, answer.status]).toEqual([path, 404]);
      expect(answer.headers.get('content-type')).toMatch('text/html');
      expect(answer.headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self';/);
      const html = await answer.text();
      expect(html).toContain('There is no such page');
      // All that it needs and leads to is there, from wherever it is shown.
      const addresses = [...html.matchAll(/(?:src|href|data-root)="([^"#]+)"/g)].map(([, address = '']) => address);
      expect(addresses.length).toBeGreaterThan(PAGES.length);
      for (const address of new Set(addresses)) {
        const to = new URL(address, api.url + path);
        expect([path, address, (await fetch(to)).status]).toEqual([path, address, 200]);
      }
      const program = await fetch(api.url + path, { headers: { accept: 'application/json' } });
      expect(program.headers.get('content-type')).toMatch('application/problem+json');
      expect(await program.json()).toMatchObject({ status: 404, code: 'not_found' });
    }
  });

  it('has that page for what is sent there as well', async () => {
    const answer = await fetch(`${api.url}/docs`, { method: 'POST', headers: { accept: 'text/html' } });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([404, 'text/html; charset=utf-8']);
  });

  it('is nothing more than its files', async () => {
    for (const path of ['/docs/none', '/docs/../package.json', '/docs/%2e%2e/%2e%2e/package.json', '/docs/assets/']) {
      expect([path, (await get(path)).status]).toEqual([path, 404]);
    }
  });

  it('shows the API to be tried, which loads nothing from elsewhere either', async () => {
    const answer = await get('/docs/api');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-security-policy')).toMatch(
      "script-src 'self'; style-src 'self' 'unsafe-inline'",
    );
    const html = await answer.text();
    expect(html).toContain('swagger-ui');
    expect(html).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
    for (const [, address = ''] of html.matchAll(/(?:src|href)="([^"]+)"/g)) {
      const path = new URL(address, `${api.url}/docs/api`);
      expect([address, (await fetch(path)).status]).toEqual([address, 200]);
    }
    expect((await get('/openapi.json')).headers.get('content-type')).toMatch('application/json');
  });

  it('describes the API in a document that is valid by the schema of its version, as OpenAPI publishes it', async () => {
    const document = (await (await get('/openapi.json')).json()) as Record<string, unknown>;
    // Which also follows the references.
    const validator = new Validator();
    expect(await validator.validate(document)).toEqual({ valid: true });
    expect(document['openapi']).toMatch(`${validator.version}.`);
  });

  it('describes the events', async () => {
    const answer = await get('/asyncapi.json');
    expect(answer.headers.get('content-type')).toMatch('application/json');
    const { asyncapi, channels } = (await answer.json()) as { asyncapi: string; channels: Record<string, unknown> };
    expect(asyncapi).toBe('3.0.0');
    expect(channels['snapshotAvailable']).toMatchObject({ address: 'snapshot.available' });
  });

  it('leaves everything else as it is', async () => {
    expect((await get('/healthz')).status).toBe(200);
    expect((await get('/v1/instances')).status).toBe(401);
    expect((await get('/healthz')).headers.get('content-security-policy')).toBeNull();
  });
});
