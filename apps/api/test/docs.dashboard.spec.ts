import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildSite } from '../../../scripts/docs/build.ts';
import { PAGES } from '../../../scripts/docs/pages.ts';
import { Browser, seriousFaults } from '../../../testbed/browser/browser.ts';
import { freshDatabase } from '../../../testbed/services/shared.ts';
import { identity } from '../../conductor/test/kit/control-plane.js';
import { createApi } from '../src/create-api.js';
import type { Api } from '../src/create-api.js';

// The documentation in a real browser, under the policy that the API gives it.

const dir = mkdtempSync(join(tmpdir(), 'varve-docs-'));
let api: Api;
let browser: Browser;

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
  browser = await Browser.open();
});
afterAll(async () => {
  await browser?.close();
  await api?.close();
  rmSync(dir, { recursive: true });
});

it.each([
  ['light', {}],
  ['dark', { dark: true }],
  ['on a phone', { phone: true }],
])('every page can be used by everybody, %s, and asks nobody else for anything', async (_, looks) => {
  const page = await browser.page(looks);
  const asked = new Set<string>();
  page.on('request', (request) => asked.add(new URL(request.url()).origin));
  for (const { path } of PAGES) {
    await page.goto(`${api.url}/docs/${path === 'index' ? '' : path}`);
    expect([path, await seriousFaults(page)]).toEqual([path, []]);
    const wide = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
    expect([path, wide]).toEqual([path, 0]);
  }
  const answer = await page.goto(`${api.url}/docs/openstack/none`);
  expect([answer?.status(), await seriousFaults(page)]).toEqual([404, []]);
  expect(await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth')).toBe(0);
  await page.getByRole('heading', { name: 'There is no such page' }).waitFor();
  expect([...asked]).toEqual([api.url]);
  expect(browser.complaints).toEqual([]);
});

it('is searched with the keyboard alone, to the very section', async () => {
  const page = await browser.page();
  await page.goto(`${api.url}/docs/openstack/nova`);
  await page.keyboard.press('/');
  await page.keyboard.type('layers_missing');
  await page.locator('#found a').first().waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.waitForURL(`${api.url}/docs/troubleshooting#layers_missing`);
  expect(await page.locator('#layers_missing').isVisible()).toBe(true);
});

it('is searched from where there is no page, too', async () => {
  const page = await browser.page();
  await page.goto(`${api.url}/docs/openstack/none`);
  await page.keyboard.press('/');
  await page.keyboard.type('layers_missing');
  await page.locator('#found a').first().click();
  await page.waitForURL(`${api.url}/docs/troubleshooting#layers_missing`);
});

it('remembers light or dark', async () => {
  const page = await browser.page();
  await page.goto(`${api.url}/docs/`);
  await page.getByRole('button', { name: 'Light or dark' }).click();
  await page.goto(`${api.url}/docs/concepts`);
  expect(await page.evaluate('document.documentElement.dataset.theme')).toBe('dark');
});

it('shows the API to be tried, under its policy', async () => {
  const page = await browser.page();
  const asked = new Set<string>();
  page.on('request', (request) => asked.add(request.url()));
  await page.goto(`${api.url}/docs/api`);
  await page.getByText('/v1/instances/{instanceId}/rollback-plan').waitFor();
  expect([...asked].filter((url) => !url.startsWith(api.url) && !url.startsWith('data:'))).toEqual([]);
  expect(browser.complaints).toEqual([]);
});
