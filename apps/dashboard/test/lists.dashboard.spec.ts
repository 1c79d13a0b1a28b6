import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Browser, logIn, seriousFaults } from '../../../testbed/browser/browser.ts';
import type { Page } from '../../../testbed/browser/browser.ts';
import { TOKENS } from '../../../testbed/cluster.ts';
import { until } from '../../../testbed/services/until.ts';
import { PATIENCE, Product } from '../../worker/test/support/product.js';
import type { ProvenInstance } from '../../worker/test/support/proven-instance.js';

// Overview, instances, operations and administration, by somebody who looks after them all. The tests of this file stand
// on each other.

let product: Product;
let browser: Browser;
let web: ProvenInstance;
let page: Page;
let url: string;

beforeAll(async () => {
  product = await Product.start({ store: 's3' });
  ({ url } = product.cluster);
  web = await product.instance({ name: 'web-1', project: 'demo' });
  for (const name of ['db-1', 'mail']) await product.instance({ name, project: 'demo', boot: false });
  browser = await Browser.open();
  page = await browser.page();
  await logIn(page, url, TOKENS.admin);
});
afterAll(async () => {
  await browser?.close();
  await product?.close();
});
afterEach(() => {
  expect(browser.complaints.splice(0)).toEqual([]);
});

/** Nothing runs on it any more. */
const idle = () =>
  until('web-1 is idle', async () => (await product.client.instance(web.id)).operationId === null, PATIENCE);
const rowOf = (name: string) => page.getByRole('row').filter({ hasText: name });
const firstRowIs = (name: string) =>
  until(`${name} comes first`, async () =>
    (await page.locator('tbody tr[data-row-key]').first().innerText()).includes(name),
  );
const heading = (name: string) => page.getByRole('heading', { level: 1, name });
const card = (name: string) =>
  page.getByRole('region', { name: 'Protection' }).getByRole('link').filter({ hasText: name });

/** What the service and the host have said in English is there for whoever reads Chinese, with their own words. */
async function inChinese(address: string): Promise<void> {
  const another = await browser.page({ language: 'zh-CN' });
  await logIn(another, url, TOKENS.admin);
  await another.goto(address);
  const alert = another.getByRole('alert').filter({ hasText: 'store_unavailable' });
  await alert.getByText('对象存储不可用', { exact: true }).waitFor();
  expect(await alert.locator('[lang=en]').innerText()).not.toBe('');
  await another.getByText(/^结束于步骤\s+上传层$/).waitFor();
  await another.getByRole('row', { name: /^上传层 upload layer .*失败/ }).waitFor();
  expect(await seriousFaults(another)).toEqual([]);
  await another.goto(`${url}/operations?state=failed`);
  await another.getByText('对象存储不可用').first().waitFor();
  await another.context().close();
}

describe('the overview', () => {
  it('counts, and leads to what it has counted', async () => {
    await card('Not protected').getByText('3', { exact: true }).waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    await card('Not protected').click();
    await heading('Instances').waitFor();
    expect(new URL(page.url()).searchParams.get('protection')).toBe('unprotected');
    await rowOf('web-1').waitFor();
  });

  it('is no longer on a phone than what is in it', async () => {
    const phone = await browser.page({ phone: true });
    await logIn(phone, url, TOKENS.admin);
    const cardOf = (title: string) =>
      phone.locator('.sized-card', { has: phone.getByRole('heading', { name: title }) });
    const filledTo = async (title: string, text: string): Promise<number> => {
      const card = cardOf(title);
      const [all, last] = [await card.boundingBox(), await card.getByText(text).boundingBox()];
      return all && last ? all.y + all.height - (last.y + last.height) : Infinity;
    };
    await cardOf('Hosts').getByText('on host-1').waitFor();
    await cardOf('Failed in the last day').getByText('No operation failed').waitFor();
    // Cards above may still grow between two looks.
    await expect.poll(() => filledTo('Hosts', 'on host-1')).toBeLessThan(30);
    await expect.poll(() => filledTo('Failed in the last day', 'No operation failed')).toBeLessThan(30);
    await phone.context().close();
  });
});

describe('the instances', () => {
  it('are searched and sorted; the address says how, and the way back leads back', async () => {
    await page.goto(`${url}/instances`);
    await rowOf('mail').waitFor();
    await page.getByLabel('Name, or beginning of the id').fill('eb-');
    await rowOf('mail').waitFor({ state: 'detached' });
    await rowOf('web-1').waitFor();
    expect(page.url()).toContain('search=eb-');
    await page.reload();
    await rowOf('web-1').waitFor();
    expect(await rowOf('mail').count()).toBe(0);

    await page.goto(`${url}/instances`);
    await page.getByRole('columnheader', { name: 'Name' }).click();
    await page.waitForURL(/sort=name/);
    // Until the table knows, another click asks for the same.
    await page.locator('th[aria-sort=ascending]').waitFor();
    await page.getByRole('columnheader', { name: 'Name' }).click();
    await page.waitForURL(/order=desc/);
    await firstRowIs('web-1');
    await page.goBack();
    await firstRowIs('db-1');
    expect(await seriousFaults(page)).toEqual([]);
  });

  it('asked for anything without a network say so, and do nothing later by themselves', async () => {
    await idle();
    const points = async (): Promise<number> =>
      (await product.client.restorePointPage(web.id, { limit: 50 })).items.length;
    const before = await points();
    await page.goto(`${url}/instances/${web.id}`);
    await heading('web-1').waitFor();
    await page.getByRole('button', { name: 'Snapshot now' }).click();
    const dialog = page.getByRole('dialog');
    await page.context().setOffline(true);
    try {
      await dialog.getByRole('button', { name: 'Take the snapshot' }).click();
      await dialog.getByRole('alert').getByText('api_unreachable').waitFor();
    } finally {
      await page.context().setOffline(false);
    }
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await page.goto(`${url}/instances`);
    await rowOf('web-1').waitFor();
    expect((await product.client.instance(web.id)).operationId).toBeNull();
    expect(await points()).toBe(before);
  });

  it('take snapshots all at once; of one that is busy, the refusal is said', async () => {
    await web.guest.write(100);
    product.store.hold?.();
    try {
      await product.client.createSnapshot(web.id, { quiesce: 'none' });
      await page.goto(`${url}/instances`);
      await rowOf('web-1').getByText('Uploading').waitFor();
      await page.getByLabel('Select all of this page').check();
      await page.getByRole('button', { name: 'Snapshots of 3 instances' }).click();
      const dialog = page.getByRole('dialog', { name: 'Snapshots of what is selected' });
      await dialog.getByLabel('Name of the restore points').fill('all of them');
      let goOn = (): void => undefined;
      const held = new Promise<void>((resolve) => (goOn = resolve));
      const ASKS = /\/snapshots$/;
      await page.route(ASKS, async (route) => held.then(() => route.continue()));
      await dialog.getByRole('button', { name: 'Take snapshots' }).click();
      await dialog.getByRole('button', { name: 'Ask for no more' }).waitFor();
      // Whoever closes it now would have the rest never asked for.
      await page.keyboard.press('Escape');
      expect(await dialog.getByRole('button', { name: 'Close' }).count()).toBe(0);
      goOn();
      await dialog.getByText('2 accepted').waitFor();
      await page.unroute(ASKS);
      await dialog.getByRole('button', { name: 'Close' }).first().waitFor();
      await dialog.getByRole('row').filter({ hasText: 'web-1' }).getByText('operation_running').waitFor();
      expect(await seriousFaults(page)).toEqual([]);
    } finally {
      product.store.bringBack();
    }
    await page.goto(url);
    await card('Protected').getByText('3', { exact: true }).waitFor();
    expect(await seriousFaults(page)).toEqual([]);
  });
});

describe('the operations', () => {
  it('that failed say why and step by step how far they came, and are asked for again', async () => {
    await idle();
    await web.guest.write(100);
    product.store.takeAway();
    try {
      const { operationId } = await product.client.createSnapshot(web.id, { name: 'once more', quiesce: 'none' });
      expect(await product.finished(operationId)).toMatchObject({ state: 'failed' });
      await page.goto(`${url}/operations?state=failed`);
      await rowOf('web-1').getByRole('link').first().click();
      await page.getByRole('alert').getByText('store_unavailable').waitFor();
      await page.getByRole('heading', { name: 'Journal of the host' }).waitFor();
      await page.getByRole('row').filter({ hasText: 'Done' }).first().waitFor();
      await page.getByRole('row', { name: /^upload layer .*Failed/ }).waitFor();
      expect(await page.locator('[aria-current=step]').innerText()).toMatch(/Uploading\s+It failed here/);
      expect(await seriousFaults(page)).toEqual([]);
      await inChinese(page.url());
    } finally {
      product.store.bringBack();
    }
    await page.getByRole('button', { name: 'Try again' }).click();
    const dialog = page.getByRole('dialog', { name: 'Ask for the same again?' });
    expect(await dialog.getByLabel('Name of the restore point').inputValue()).toBe('once more');
    await dialog.getByRole('button', { name: 'Ask again' }).click();
    await page.getByText('Succeeded').first().waitFor();
    await page.getByRole('heading', { level: 1, name: 'Snapshot of web-1' }).waitFor();
    await web.expectSound();
  });

  it('that wait for their host are said to, and are cancelled', async () => {
    await idle();
    await product.cluster.worker.stop();
    try {
      const { operationId } = await product.client.createSnapshot(web.id, { quiesce: 'none' });
      await page.goto(`${url}/operations/${operationId}`);
      await page.getByText('It waits for its host.').waitFor();
      await page.getByRole('button', { name: 'Cancel the operation' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Cancel it' }).click();
      await page.getByText('Cancelling was asked for.').waitFor();
      await page.reload();
      await page.getByText('Cancelling was asked for.').waitFor();
    } finally {
      product.cluster.worker.start();
    }
    await page.getByText('Cancelled').first().waitFor();
    await web.expectSound();
  });
});

describe('the overview, once there are points', () => {
  it('has the numbers where the chart’s code does not come', async () => {
    const another = await browser.page();
    await another.route(/storage-chart/, (route) => route.abort());
    await logIn(another, url, TOKENS.admin);
    await another.getByText('The chart could not be loaded').waitFor();
    await another.getByRole('table').getByText('Full copies would take').first().waitFor();
    await another.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
    expect(browser.complaints.splice(0).every((one) => one.includes('dynamically imported module'))).toBe(true);
    await another.context().close();
  });
});

describe('the administration', () => {
  it('shows hosts and their settings, and no secret', async () => {
    await page.goto(`${url}/admin/hosts`);
    await rowOf('host-1').getByText('Up').waitFor();
    await page.getByRole('button', { name: 'host-1' }).click();
    const drawer = page.getByRole('dialog');
    await drawer.getByText('VARVE_INSTANCES_DIR').waitFor();
    const { VARVE_S3_SECRET_KEY: secret = '' } = product.cluster.workerEnv;
    expect(secret.length).toBeGreaterThan(3);
    const text = await drawer.innerText();
    expect(text).not.toContain(secret);
    expect(text).not.toMatch(/amqp:\/\/[^*]*:[^*]*@/);
    expect(await seriousFaults(page)).toEqual([]);
  });

  it('shows who did what, and who may not', async () => {
    const reader = product.clientFor('reader');
    await expect(reader.createSnapshot(web.id)).rejects.toMatchObject({ status: 403 });
    await page.goto(`${url}/admin/audit?action=snapshots:create`);
    await page.getByRole('row').filter({ hasText: 'reader' }).getByText('Denied').waitFor();
    await page.getByRole('row').filter({ hasText: 'admin' }).getByText('Accepted').first().waitFor();
    expect(await seriousFaults(page)).toEqual([]);
  });
});

describe('all of these', () => {
  it.each([{ phone: true }, { phone: true, dark: true }, { dark: true, language: 'zh-CN' }] as const)(
    'can be read by everybody: %j',
    async (looks) => {
      const another = await browser.page(looks);
      await logIn(another, url, TOKENS.admin);
      for (const path of ['/', '/instances', '/operations', '/admin/hosts', '/admin/audit']) {
        await another.goto(url + path);
        await another
          .getByText(/web-1|host-1|snapshots:create/)
          .first()
          .waitFor();
        expect({ path, faults: await seriousFaults(another) }).toEqual({ path, faults: [] });
        expect(await another.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
        // A title that others squeeze out is there for machines only. All at once: cards come and go as answers come.
        const titles = await another.evaluate<[string, number][]>(
          `[...document.querySelectorAll('h1, h2, h3, h4, h5, h6, [role=heading]')]
            .filter((one) => one.checkVisibility({ visibilityProperty: true }))
            .map((one) => [one.textContent, one.getBoundingClientRect().width])`,
        );
        expect(titles.length).toBeGreaterThan(0);
        for (const [title, width] of titles) expect({ path, title, seen: width > 20 }).toMatchObject({ seen: true });
      }
      await another.context().close();
    },
  );
});
