import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Browser, logIn, seriousFaults } from '../../../testbed/browser/browser.ts';
import type { Page } from '../../../testbed/browser/browser.ts';
import { TOKENS } from '../../../testbed/cluster.ts';
import { until } from '../../../testbed/services/until.ts';
import { Product } from '../../worker/test/support/product.js';

// What is around the pages: coming in, a login that ends, an API that is away, languages, keys.

let product: Product;
let browser: Browser;
let url: string;

beforeAll(async () => {
  product = await Product.start({ apiEnv: { VARVE_FRAME_ANCESTORS: "'self'" } });
  browser = await Browser.open();
  ({ url } = product.cluster);
});
afterAll(async () => {
  await browser?.close();
  await product?.close();
});
afterEach(() => {
  expect(browser.complaints.splice(0)).toEqual([]);
});

/** As the API says it. */
const refusalOf = (action: string) => ({
  contentType: 'application/problem+json',
  body: JSON.stringify({
    type: 'urn:varve:problem:forbidden',
    title: 'forbidden',
    status: 403,
    detail: `This token's role does not allow ${action}`,
    code: 'forbidden',
    remedy: 'fix-request',
    facts: { action },
    requestId: 'req-of-a-test',
  }),
});

/** As when somebody comes back to the tab: the page follows the events anew. One that has noticed already stays as it is. */
const lookAgain = (page: Page) => page.evaluate(`document.dispatchEvent(new Event('visibilitychange'))`);
const heading = (page: Page, name: string) => page.getByRole('heading', { level: 1, name });

describe('logging in', () => {
  it('leads to where the link did', async () => {
    const page = await browser.page();
    await page.goto(`${url}/operations?state=failed`);
    await heading(page, 'Log in to Varve').waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    await page.getByLabel('Token').fill(TOKENS.member);
    await page.keyboard.press('Enter');
    await heading(page, 'Operations').waitFor();
    expect(page.url()).toBe(`${url}/operations?state=failed`);
    await page.reload();
    await heading(page, 'Operations').waitFor();
  });

  it('says of a token that is none that it is none', async () => {
    const page = await browser.page();
    await page.goto(`${url}/login`);
    await page.getByLabel('Token').fill('nobody has this token');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('alert').getByText('login_failed').waitFor();
    await page.getByLabel('Token').fill(TOKENS.member);
    await page.getByRole('button', { name: 'Log in' }).click();
    await heading(page, 'Overview').waitFor();
  });

  it('takes a token from a link and out of the address', async () => {
    const page = await browser.page();
    await page.goto(`${url}/login#token=${TOKENS.reader}`);
    await until('the address is clean', () => !page.url().includes('token'));
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('button', { name: 'Account' }).getByText('reader').waitFor();
  });

  it('by a link leads on when one is in already', async () => {
    const page = await browser.page();
    await logIn(page, url, TOKENS.member);
    await page.goto('about:blank');
    await page.goto(`${url}/login#token=${TOKENS.member}`);
    await heading(page, 'Overview').waitFor();
  });

  it('ends when asked to, in this browser for good', async () => {
    const page = await browser.page();
    await logIn(page, url, TOKENS.member);
    await page.getByRole('button', { name: 'Account' }).click();
    await page.getByRole('menuitem', { name: 'Log out' }).click();
    await page.getByText('You are logged out.').waitFor();
    await page.goto(`${url}/instances`);
    await heading(page, 'Log in to Varve').waitFor();
  });

  it('again in one tab is enough for the others', async () => {
    const page = await browser.page();
    await logIn(page, url, TOKENS.member);
    const another = await page.context().newPage();
    await another.goto(`${url}/instances`);
    await heading(another, 'Instances').waitFor();
    // It hears nothing until the login in the first one is over.
    const ASKS = /\/v1\//;
    await another.route(ASKS, (route) => route.abort());

    const file = join(product.cluster.root, 'tokens.json');
    const tokens = readFileSync(file, 'utf8');
    const LATER = 'a-later-token-not-for-production';
    writeFileSync(file, tokens.replace(TOKENS.member, LATER));
    try {
      await lookAgain(page);
      await page.getByText('Your login has ended').waitFor();
      await page.getByLabel('Token').fill(LATER);
      await page.keyboard.press('Enter');
      await heading(page, 'Overview').waitFor();

      await another.unroute(ASKS);
      const heard = another.waitForResponse((answer) => ASKS.test(answer.url()) && answer.ok());
      await lookAgain(another);
      await heard;
      await heading(another, 'Instances').waitFor();
      await page.reload();
      await heading(page, 'Overview').waitFor();
    } finally {
      writeFileSync(file, tokens);
    }
  });

  it('that has ended is taken up again where one was', async () => {
    const page = await browser.page();
    await logIn(page, url, TOKENS.member);
    await page.goto(`${url}/instances?search=web`);
    await heading(page, 'Instances').waitFor();

    const file = join(product.cluster.root, 'tokens.json');
    const tokens = readFileSync(file, 'utf8');
    writeFileSync(file, tokens.replace(TOKENS.member, 'another-token-not-for-production'));
    try {
      await lookAgain(page);
      await page.getByText('Your login has ended').waitFor();
    } finally {
      writeFileSync(file, tokens);
    }
    await page.getByLabel('Token').fill(TOKENS.member);
    await page.keyboard.press('Enter');
    await heading(page, 'Instances').waitFor();
    expect(page.url()).toBe(`${url}/instances?search=web`);
  });
});

describe('an API that is away', () => {
  it('is said to be, what is known stays, and all is well when it is back', async () => {
    const page = await browser.page();
    await logIn(page, url, TOKENS.member);
    await page.goto(`${url}/instances`);
    await heading(page, 'Instances').waitFor();
    const [api] = product.cluster.apis;
    await api?.kill();
    await page.getByText('The connection to Varve is lost').waitFor();
    expect(await heading(page, 'Instances').isVisible()).toBe(true);
    api?.start();
    await page.getByText('The connection to Varve is lost').waitFor({ state: 'detached' });
    await until('the API is ready', async () => (await fetch(`${url}/readyz`)).ok);
  });
});

describe('a page whose code is not loaded yet', () => {
  const CODE = /\/assets\/operations-page-/;
  const goToIt = (page: Page) => page.getByRole('navigation').getByRole('link', { name: 'Operations' }).click();

  it('is waited for where it will be', async () => {
    const page = await browser.page();
    await logIn(page, url, TOKENS.member);
    await heading(page, 'Overview').waitFor();
    const held = new Promise<() => Promise<void>>((resolve) => {
      void page.route(CODE, (route) => resolve(() => route.continue()));
    });
    await goToIt(page);
    await heading(page, 'Overview').waitFor({ state: 'detached' });
    await page.getByText('If nothing comes, load the page again').waitFor();
    await (
      await held
    )();
    await heading(page, 'Operations').waitFor();
  });

  it('and is not to be had leaves the way to others, and to another try', async () => {
    const page = await browser.page();
    await logIn(page, url, TOKENS.member);
    await page.route(CODE, (route) => route.abort());
    await goToIt(page);
    await page.getByText('The page could not be shown').waitFor();
    await page.getByRole('navigation').getByRole('link', { name: 'Instances' }).click();
    await heading(page, 'Instances').waitFor();
    await page.goto(`${url}/operations`);
    await page.getByText('The page could not be shown').waitFor();
    await page.unroute(CODE);
    await page.getByRole('button', { name: 'Load the page again' }).click();
    await heading(page, 'Operations').waitFor();
    expect(browser.complaints.splice(0).every((one) => one.includes('dynamically imported module'))).toBe(true);
  });
});

describe('what somebody may not', () => {
  it('is neither in the navigation nor behind its address', async () => {
    const page = await browser.page();
    await logIn(page, url, TOKENS.reader);
    expect(await page.getByRole('navigation').getByRole('link', { name: 'Hosts' }).count()).toBe(0);
    await page.goto(`${url}/admin/hosts`);
    await page.getByText('Your role does not allow this').waitFor();
    expect(await seriousFaults(page)).toEqual([]);
  });

  it('is said once, by the page where it can be', async () => {
    const page = await browser.page();
    await logIn(page, url, TOKENS.reader);
    const refuse = (what: RegExp, action: string) =>
      page.route(what, (route) => route.fulfill({ status: 403, ...refusalOf(action) }));
    await refuse(/\/v1\/events/, 'events:read');
    await page.goto(`${url}/instances`);
    const banner = page.getByRole('status').getByRole('alert');
    await banner.getByText('forbidden', { exact: true }).waitFor();
    await heading(page, 'Instances').waitFor();

    await refuse(/\/v1\/operations/, 'operations:list');
    await page.getByRole('navigation').getByRole('link', { name: 'Operations' }).click();
    await page.getByText('Your role does not allow this').waitFor();
    await banner.waitFor({ state: 'detached' });
    await page.goBack();
    await banner.waitFor();
  });

  it('is not there where there is no such page', async () => {
    const page = await browser.page();
    await logIn(page, url, TOKENS.reader);
    await page.goto(`${url}/instances/${crypto.randomUUID()}`);
    await page.getByText('There is no such thing, or it is not yours').waitFor();
    const answer = await page.goto(`${url}/instnaces`);
    expect(answer?.status()).toBe(404);
    await page.getByText('There is no page at this address').waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    await page.getByRole('link', { name: 'To the overview' }).click();
    await heading(page, 'Overview').waitFor();
  });
});

describe('in a frame of another dashboard', () => {
  it('the navigation is left out, also after a login, on the next page, and when that is loaded anew', async () => {
    const page = await browser.page();
    await page.route(`${url}/another`, (route) =>
      route.fulfill({ contentType: 'text/html', body: '<iframe src="/operations?embed=1" width="1200" height="800">' }),
    );
    await page.goto(`${url}/another`);
    const inside = page.frameLocator('iframe');
    const title = (name: string) => inside.getByRole('heading', { level: 1, name });
    await inside.getByLabel('Token').fill(TOKENS.member);
    await page.keyboard.press('Enter');
    await title('Operations').waitFor();
    expect(await inside.getByRole('navigation').count()).toBe(0);
    await inside.getByText('Go to the instances').click();
    await title('Instances').waitFor();
    expect(await inside.getByRole('navigation').count()).toBe(0);

    await page.frame({ url: `${url}/instances` })?.evaluate('location.reload()');
    await inside.getByText('Go to the instances').waitFor({ state: 'detached' });
    await title('Instances').waitFor();
    expect(await inside.getByRole('navigation').count()).toBe(0);
  });
});

describe('languages and keys', () => {
  it('the browser says which language, and who reads it changes it', async () => {
    const page = await browser.page({ language: 'zh-CN' });
    await logIn(page, url, TOKENS.admin);
    await heading(page, '概览').waitFor();
    expect(await page.locator('html').getAttribute('lang')).toBe('zh-CN');
    await page.getByRole('combobox', { name: '语言' }).click();
    await page.getByTitle('English').click();
    await heading(page, 'Overview').waitFor();
    await page.reload();
    await heading(page, 'Overview').waitFor();
    expect(await page.locator('html').getAttribute('lang')).toBe('en');
  });

  it('Tab leads to the content first, and to every page', async () => {
    const page = await browser.page();
    await logIn(page, url, TOKENS.admin);
    await page.goto(url);
    await heading(page, 'Overview').waitFor();
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the content');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.id')).toBe('content');
    await page.getByRole('link', { name: 'Instances' }).first().focus();
    await page.keyboard.press('Enter');
    await heading(page, 'Instances').waitFor();
  });

  it.each(['light', 'dark'] as const)('a phone has it all behind one button, %s', async (appearance) => {
    const page = await browser.page({ phone: true, dark: appearance === 'dark' });
    await logIn(page, url, TOKENS.admin);
    await heading(page, 'Overview').waitFor();
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    await page.getByRole('button', { name: 'Menu' }).tap();
    await page.getByRole('dialog').getByRole('link', { name: 'Audit log' }).tap();
    await heading(page, 'Audit log').waitFor();
    expect(await seriousFaults(page)).toEqual([]);
  });
});
