// `npm run screenshots`: the dashboard's main pages, as they look after the demo's story.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Page as Items, SnapshotView } from '@varve/contracts';
import { Browser, logIn, type Page } from '../browser/browser.ts';
import { TOKENS, type Cluster } from '../cluster.ts';
import { ProvingGuest } from '../guest/guest.ts';
import { until } from '../services/until.ts';
import type { Story } from './story.ts';

/** Instances that are there and stopped, so that the lists are lists. */
const OTHERS = ['db-1', 'mail', 'web-2'];

/** @param dir - where to; the pictures there are replaced */
export async function takePictures(story: Story, cluster: Cluster, guest: ProvingGuest, dir: string): Promise<void> {
  mkdirSync(dir, { recursive: true });
  const others: ProvingGuest[] = [];
  for (const name of OTHERS) {
    others.push(await ProvingGuest.create({ instances: cluster.instancesDir, name, project: 'demo' }));
  }
  await until('the worker has reported the others', async () => {
    const { body } = await cluster.request('GET', '/v1/instances');
    return (body as Items<unknown>).items.length === OTHERS.length + 1;
  });
  const browser = await Browser.open();
  try {
    const desk = await browser.page();
    await logIn(desk, cluster.url, TOKENS.admin);
    const picture = async (page: Page, name: string, path: string, ready: string): Promise<void> => {
      await page.goto(cluster.url + path);
      await page.getByText(ready).first().waitFor();
      await settled(page);
      await page.screenshot({ path: join(dir, `${name}.png`) });
      story.say(`  ${join(dir, `${name}.png`)}`);
    };
    await picture(desk, 'overview', '/', 'Protected');
    await picture(desk, 'instances', '/instances', 'web-1');
    await picture(desk, 'instance', `/instances/${guest.id}`, 'tuesday');
    await picture(
      desk,
      'rollback',
      `/instances/${guest.id}/rollback?to=${await uidOf(cluster, guest, 'wednesday')}`,
      'wednesday',
    );
    await picture(desk, 'operations', '/operations', 'web-1');
    const dark = await browser.page({ phone: true, dark: true });
    await logIn(dark, cluster.url, TOKENS.member);
    await picture(dark, 'phone', `/instances/${guest.id}`, 'tuesday');
    for (const complaint of browser.complaints) story.check('the page has no errors', false, complaint);
  } finally {
    await browser.close();
    for (const other of others) await other.dispose();
  }
}

/** Nothing is on its way any more: neither an answer nor what it changes. The stream of live events goes on for ever. */
async function settled(page: Page): Promise<void> {
  await until(
    'the page stands still',
    async () => (await page.locator('[aria-busy="true"], .ant-skeleton').count()) === 0,
  );
  await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
}

async function uidOf(cluster: Cluster, guest: ProvingGuest, name: string): Promise<string> {
  const { body } = await cluster.request('GET', `/v1/instances/${guest.id}/restore-points`);
  const point = (body as Items<SnapshotView>).items.find((one) => one.name === name);
  if (!point) throw new Error(`there is no restore point ${name}`);
  return point.uid;
}
