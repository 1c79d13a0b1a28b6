import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Browser, logIn, seriousFaults } from '../../../testbed/browser/browser.ts';
import type { Page } from '../../../testbed/browser/browser.ts';
import { TOKENS } from '../../../testbed/cluster.ts';
import { until } from '../../../testbed/services/until.ts';
import { Product } from '../../worker/test/support/product.js';
import type { Bounds, ProvenInstance } from '../../worker/test/support/proven-instance.js';

// The main job, by somebody who clicks: snapshots, a store that goes away, a rollback in two steps, and its undo, each
// with a guest that vouches for its disk. The tests of this file stand on each other.

let product: Product;
let browser: Browser;
let web: ProvenInstance;
let page: Page;
let here: string;
/** So small that later writes hit what earlier ones wrote: then a rollback has something to fetch. */
const AREA = { span: 512 };
const bounds: Record<string, Bounds> = {};

beforeAll(async () => {
  product = await Product.start({ store: 's3' });
  web = await product.instance({ name: 'web-1', project: 'demo' });
  browser = await Browser.open();
  page = await browser.page();
  await logIn(page, product.cluster.url, TOKENS.member);
  here = `${product.cluster.url}/instances/${web.id}`;
  await page.goto(here);
  await page.getByRole('heading', { level: 1, name: 'web-1' }).waitFor();
});
afterAll(async () => {
  await browser?.close();
  await product?.close();
});
afterEach(() => {
  expect(browser.complaints.splice(0)).toEqual([]);
});

/** Asks for a snapshot in the dialog, which stays open. */
async function ask(name: string): Promise<void> {
  await page.getByRole('button', { name: 'Snapshot now' }).click();
  const dialog = page.getByRole('dialog', { name: 'Snapshot of web-1' });
  await dialog.getByLabel('Name (may be left empty)').fill(name);
  await dialog.getByRole('button', { name: 'Take the snapshot' }).click();
}
const closeDialog = () => page.getByRole('dialog').getByRole('button', { name: 'Close' }).first().click();

async function take(name: string): Promise<void> {
  await web.guest.write(200, AREA);
  const taking = await web.watch();
  await ask(name);
  await page.getByText('The snapshot is stored and verified').waitFor();
  bounds[name] = await taking();
  await closeDialog();
}

/** From the summary on; whoever clicks has chosen the point. */
async function confirm(): Promise<void> {
  const yes = page.getByRole('button', { name: /^Roll web-1 back to/ });
  await page.getByLabel(/^To confirm, type the name/).fill('web-2');
  expect(await yes.isDisabled()).toBe(true);
  await page.getByLabel(/^To confirm, type the name/).fill('web-1');
  await yes.click();
}

const boundsOf = (name: string): Bounds => {
  const known = bounds[name];
  if (!known) throw new Error(`no snapshot ${name} was taken`);
  return known;
};

describe('a snapshot', () => {
  beforeEach(async () => {
    await page.goto(here);
  });

  it('is taken by a click, and another browser sees it without being asked', async () => {
    const other = await browser.page();
    await logIn(other, product.cluster.url, TOKENS.reader);
    await other.goto(here);
    await other.getByText('Not protected').waitFor();
    await other.getByRole('note', { name: 'Snapshot now: Your role does not allow this.' }).waitFor();
    await take('monday');
    await other.getByText('monday').first().waitFor();
    await other.getByText('Protected', { exact: true }).waitFor();
    await other.context().close();
  });

  it('shows how far it is while it is uploaded', async () => {
    await web.guest.write(200, AREA);
    const taking = await web.watch();
    product.store.hold?.();
    try {
      await ask('tuesday');
      const dialog = page.getByRole('dialog');
      await dialog.getByText('Uploading').waitFor();
      await dialog.getByRole('progressbar').waitFor();
      expect(await seriousFaults(page)).toEqual([]);
    } finally {
      product.store.bringBack();
    }
    await page.getByText('The snapshot is stored and verified').waitFor();
    bounds['tuesday'] = await taking();
    await closeDialog();
  });

  it('that fails says why, and what becomes of it; tried again, it takes along what the failed one had', async () => {
    await web.guest.write(200, AREA);
    product.store.takeAway();
    try {
      await ask('wednesday');
      const alert = page.getByRole('dialog').getByRole('alert');
      await alert.getByText('store_unavailable').waitFor();
      await page.getByText('The guest was not disturbed and nothing is lost').waitFor();
      expect(await seriousFaults(page)).toEqual([]);
      await web.expectSound();
    } finally {
      product.store.bringBack();
    }
    const taking = await web.watch();
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Take the snapshot' }).click();
    await page.getByText('The snapshot is stored and verified').waitFor();
    bounds['wednesday'] = await taking();
    await page.getByText('It also holds what an earlier, failed snapshot could not store.').waitFor();
    await closeDialog();
  });
});

describe('a rollback', () => {
  it('is chosen, seen through and confirmed; the guest is where it was', async () => {
    await web.guest.write(200, AREA);
    web.guest.announceRollback(boundsOf('monday'));
    await page.getByRole('button', { name: 'Roll back…' }).click();
    await page
      .getByRole('row')
      .filter({ hasText: 'monday' })
      .getByRole('button', { name: /^Choose/ })
      .click();
    await page.getByText('What will happen').waitFor();
    await page.getByText('Kept for undo').waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    await confirm();
    await page.getByText('web-1 is back at the chosen point').waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    await web.expectState(boundsOf('monday'));
  });

  it('is undone, and the guest has again what it had written', async () => {
    const { acked, upto } = boundsOf('wednesday');
    // All that was written after the last snapshot comes back as well.
    const replaced = { acked, upto: upto + 1_000_000 };
    web.guest.announceRollback(replaced);
    await page.getByRole('button', { name: 'Undo', exact: true }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Undo the rollback' }).click();
    await page.getByText('web-1 has the disk again that was replaced').waitFor();
    await web.expectState(replaced);
  });

  it('to a time that was typed is the same; somebody who comes back finds it running, and may cancel it', async () => {
    await page.goto(`${here}/rollback`);
    const [point] = (await product.client.restorePointPage(web.id, { limit: 1 })).items;
    // To the second, as it is shown: the point is of some milliseconds later.
    const at = point?.sealedAt?.slice(0, 19).replace('T', ' ') ?? '';
    await page.getByLabel('Newest not later than').fill('the day after never');
    await page.getByText('Not understood').waitFor();
    await page.getByLabel('Newest not later than').fill(at);
    await page.getByRole('button', { name: 'Find' }).click();
    await page.getByRole('status').filter({ hasText: 'wednesday' }).getByRole('button', { name: 'Choose' }).click();
    await page.getByText('What will happen').waitFor();

    // What this point needs has been merged with what was written later: some of it has to be fetched.
    await page.goto(`${here}/rollback?to=${await uidOf('tuesday')}`);
    product.store.hold?.();
    try {
      await confirm();
      await page.getByText('The rollback runs').waitFor();
      await page.goto(`${here}/rollback`);
      await page.getByText('The rollback runs').waitFor();
      expect(await seriousFaults(page)).toEqual([]);
      // Its worker hears of it when there was time to look at what the page says until then.
      product.cluster.worker.suspend();
      await page.getByRole('button', { name: 'Cancel: Rollback' }).click();
      for (let looks = 0; looks < 2; looks++) {
        await page.getByText('Cancelling was asked for.').waitFor();
        expect(await page.getByText('can’t be cancelled').count()).toBe(0);
        await page.reload();
      }
      product.cluster.worker.resume();
      await page.getByText('Cancelled.').waitFor();
    } finally {
      product.cluster.worker.resume();
      product.store.bringBack();
    }
    await web.expectSound();
  });

  it('is done by keyboard alone, and kept', async () => {
    web.guest.announceRollback(boundsOf('monday'));
    await page.goto(here);
    await page.getByRole('button', { name: 'Roll back…' }).focus();
    await page.keyboard.press('Enter');
    await page
      .getByRole('row')
      .filter({ hasText: 'monday' })
      .getByRole('button', { name: /^Choose/ })
      .focus();
    await page.keyboard.press('Enter');
    await page.getByLabel(/^To confirm, type the name/).focus();
    await page.keyboard.type('web-1');
    await page.keyboard.press('Enter');
    await page.getByText('web-1 is back at the chosen point').waitFor();
    await web.expectState(boundsOf('monday'));

    await page.getByRole('button', { name: 'Keep', exact: true }).focus();
    await page.keyboard.press('Enter');
    // The dialog begins at what does nothing; a key that comes before would be lost.
    const inFocus = (): Promise<string> => page.evaluate('document.activeElement.textContent');
    await until('the dialog has the focus', async () => (await inFocus()) === 'Cancel');
    await page.keyboard.press('Tab');
    expect(await inFocus()).toMatch(/^Keep it/);
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Undo', exact: true }).waitFor({ state: 'detached' });
    await web.expectSound();
  });

  const uidOf = async (name: string): Promise<string> => {
    const { items } = await product.client.restorePointPage(web.id);
    return items.find((one) => one.name === name)?.uid ?? '';
  };
});

describe('the time line', () => {
  const details = () => page.locator('.timeline-details');
  const shown = async (): Promise<number> =>
    Number((await page.getByText(/^\d+ points? from /).innerText()).split(' ')[0]);
  /** Goes to the point by keyboard; gives its branch. */
  async function branchOf(name: string, key: string): Promise<string> {
    await page.keyboard.press(key);
    await details().getByText(name, { exact: true }).waitFor();
    return details()
      .getByText(/^branch \d+$/)
      .innerText();
  }

  it('shows where one is, and by keyboard each point with the branch that a rollback began', async () => {
    await page.goto(here);
    await take('thursday');
    await page.getByText('You are here').waitFor();
    await page.getByRole('listbox', { name: /^Restore points on the time line/ }).focus();
    const monday = await branchOf('monday', 'Home');
    await details().getByText('As after a power cut').waitFor();
    const thursday = await branchOf('thursday', 'End');
    const wednesday = await branchOf('wednesday', 'ArrowLeft');
    expect({ monday, thursday }).toEqual({
      monday: wednesday,
      thursday: expect.not.stringMatching(wednesday) as string,
    });
    expect(await seriousFaults(page)).toEqual([]);
  });

  it('is zoomed into, and shown whole again; a pointer shows what is under it', async () => {
    await page.goto(here);
    const all = await shown();
    expect(all).toBeGreaterThan(3);
    // The newest points were made minutes after the first: soon not all of them fit.
    await until('fewer are shown', async () => {
      await page.getByRole('button', { name: 'Zoom in' }).click();
      return (await shown()) < all;
    });
    await page.getByRole('button', { name: 'Show all' }).click();
    await until('all are shown', async () => (await shown()) === all);

    await page.getByRole('listbox', { name: /^Restore points on the time line/ }).focus();
    await branchOf('monday', 'Home');
    const ring = await page.locator('.timeline circle').boundingBox();
    if (!ring) throw new Error('the chosen point is not marked');
    await page.keyboard.press('End');
    await details().getByText('thursday', { exact: true }).waitFor();
    await page.mouse.move(ring.x + ring.width / 2, ring.y + ring.height / 2);
    await details().getByText('monday', { exact: true }).waitFor();
  });
});

describe('the page', () => {
  it('that can’t find out whether there is an undo says so, and asks again when told to', async () => {
    const rollbacks = `**/v1/instances/${web.id}/rollbacks*`;
    await page.route(rollbacks, (route) => route.abort());
    await page.goto(here);
    const alert = page.getByRole('alert').filter({ hasText: 'Try again' });
    await alert.waitFor();
    await page.unroute(rollbacks);
    await alert.getByRole('button', { name: 'Try again' }).click();
    await alert.waitFor({ state: 'detached' });
  });

  it.each([
    { phone: true },
    { phone: true, dark: true, language: 'zh-CN' },
    { dark: true },
    { language: 'zh-CN' },
  ] as const)('can be read by everybody: %j', async (looks) => {
    const another = await browser.page(looks);
    await logIn(another, product.cluster.url, TOKENS.member);
    for (const path of [
      '',
      '/rollback',
      `/rollback?to=${(await product.client.restorePointPage(web.id)).items[0]?.uid}`,
    ]) {
      await another.goto(here + path);
      await another
        .getByText(/(mon|wednes|thurs)day/)
        .first()
        .waitFor();
      expect(await seriousFaults(another)).toEqual([]);
      expect(await another.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    }
    await another.context().close();
  });
});
