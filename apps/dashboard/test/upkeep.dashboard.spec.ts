import { rm } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { OperationView } from '@varve/contracts';
import type { InstanceId } from '@varve/core';
import { Browser, logIn, seriousFaults } from '../../../testbed/browser/browser.ts';
import type { Page } from '../../../testbed/browser/browser.ts';
import { TOKENS } from '../../../testbed/cluster.ts';
import { until } from '../../../testbed/services/until.ts';
import { PATIENCE, Product } from '../../worker/test/support/product.js';
import type { ProvenInstance } from '../../worker/test/support/proven-instance.js';

// What is seldom done to an instance, by somebody who clicks, with a guest that vouches for its disk. The tests of this
// file stand on each other.

let product: Product;
let browser: Browser;
let web: ProvenInstance;
let page: Page;
let here: string;

beforeAll(async () => {
  product = await Product.start();
  browser = await Browser.open();
  web = await product.instance({ name: 'web-1', project: 'demo' });
  for (const name of ['monday', 'tuesday']) {
    await web.guest.write(100);
    await web.snapshotWell({ name, quiesce: 'none' });
  }
  page = await browser.page();
  await logIn(page, product.cluster.url, TOKENS.member);
  here = `${product.cluster.url}/instances/${web.id}`;
});
afterAll(async () => {
  await browser?.close();
  await product?.close();
});
beforeEach(() => page.goto(here));
afterEach(() => {
  expect(browser.complaints.splice(0)).toEqual([]);
});

const pointOf = (name: string) => page.getByRole('row').filter({ hasText: name });
const namesLeft = async () => (await product.client.restorePointPage(web.id)).items.map(({ name }) => name);

async function askFor(what: string): Promise<void> {
  await page.getByRole('button', { name: 'More', exact: true }).click();
  await page.getByRole('menuitem', { name: what }).click();
}

async function askToDelete(name: string) {
  await pointOf(name)
    .getByRole('button', { name: /^More to do with the point/ })
    .click();
  await page.getByRole('menuitem', { name: 'Delete…' }).click();
  return page.getByRole('dialog', { name: /^Delete the restore point of/ });
}

/** The newest operation of the instance, once it has ended; it must be of that kind. */
async function ended(kind: OperationView['kind']): Promise<OperationView> {
  const { items } = await product.client.operationPage({ instanceId: web.id as InstanceId, limit: 1 });
  expect(items).toMatchObject([{ kind }]);
  return product.finished(items[0]?.id ?? '');
}

describe('a restore point', () => {
  it('is deleted once that was confirmed; one that a newer one stands on is not, and that is said', async () => {
    const dialog = await askToDelete('tuesday');
    await dialog.getByText('this can’t be undone').waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await dialog.waitFor({ state: 'detached' });

    await askToDelete('monday');
    await dialog.getByRole('button', { name: 'Delete it' }).click();
    const refusal = page.getByRole('dialog', { name: 'It was not deleted' });
    await refusal.getByText('snapshot_needed').waitFor();
    await dialog.waitFor({ state: 'detached' });
    expect(await seriousFaults(page)).toEqual([]);
    await refusal.getByRole('button', { name: 'Close' }).click();
    await refusal.waitFor({ state: 'detached' });
    expect(await namesLeft()).toEqual(['tuesday', 'monday']);

    await askToDelete('tuesday');
    await dialog.getByRole('button', { name: 'Delete it' }).click();
    await pointOf('tuesday').waitFor({ state: 'detached' });
    await pointOf('monday').waitFor();
    expect(await namesLeft()).toEqual(['monday']);
    await web.expectSound();
  });
});

describe('a disk', () => {
  it('whose layers were lost is repaired from the store, and the guest has all that it had flushed', async () => {
    await until('the instance is idle', async () => (await product.client.instance(web.id)).operationId === null);
    const { acked } = await web.firstWrite();
    await web.guest.kill9();
    const [, ...below] = await web.ownLayers();
    expect(below.length).toBeGreaterThan(0);
    for (const file of below) await rm(file);

    await askFor('Repair the disk…');
    const dialog = page.getByRole('dialog', { name: 'Repair the disk of web-1' });
    await dialog.getByLabel('Take the disk for right as it is now').check();
    await dialog.getByText('what was in the lost layers stays lost').waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    await dialog.getByLabel('Take the disk for right as it is now').uncheck();
    await dialog.getByRole('button', { name: 'Repair' }).click();
    await page.getByText('Asked for: it runs now.').waitFor();
    expect(await ended('repair')).toMatchObject({ state: 'succeeded', problem: null });
    await web.guest.boot();
    await web.expectState({ acked, upto: Infinity });
  });

  it('is settled to one layer while the guest runs, and the page shows so', async () => {
    await web.guest.write(100);
    const layers = page.getByRole('list', { name: /^Layers from the base image up/ });
    await askFor('Settle the disk…');
    const dialog = page.getByRole('dialog', { name: 'Settle the disk of web-1' });
    expect(await seriousFaults(page)).toEqual([]);
    await dialog.getByRole('button', { name: 'Settle' }).click();
    await page.getByText('Asked for: it runs now.').waitFor();
    expect(await ended('settle')).toMatchObject({ state: 'succeeded', problem: null });
    expect(await web.ownLayers()).toHaveLength(1);
    await until('the page shows one layer', async () => (await layers.getByRole('listitem').count()) === 2, PATIENCE);
    await web.expectSound();
  });
});
