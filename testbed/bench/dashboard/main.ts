// `npm run bench:dashboard`: how quick the dashboard's pages are with a large catalog behind them: 5,000 instances and
// 200,000 restore points, 20,000 of them of one instance. Prints what it measures beside the aims.
//
//   npm run bench:dashboard -- --json FILE    also writes it there
import { mkdirSync, mkdtempSync, chmodSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Browser, logIn, type Page } from '../../browser/browser.ts';
import { ManagedProcess, TOKENS, tokensFile } from '../../cluster.ts';
import { freePorts } from '../../services/ports.ts';
import { startServices } from '../../services/services.ts';
import { until } from '../../services/until.ts';
import { measureReads } from '../read-times.ts';
import { seedCatalog } from '../seed-catalog.ts';
import { median, rounded } from '../stats.ts';
import { evenness, usefulPaint, watchFor, type Evenness } from './paint.ts';

const CHECKOUT = resolve(import.meta.dirname, '../../..');
const ROUNDS = 5;
const AIM = { firstPaintMs: 1_000, frameMs: 50 };

const { values: options } = parseArgs({ options: { json: { type: 'string' } } });
const root = mkdtempSync('/var/tmp/varve-bench-');
chmodSync(root, 0o755);
const endings: (() => Promise<unknown>)[] = [];

try {
  const result = await measure();
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(result, null, 2)}\n`);
} finally {
  for (const end of endings.reverse()) await end();
  rmSync(root, { recursive: true, force: true });
}

async function measure(): Promise<object> {
  console.log(
    `load average ${loadavg()[0]?.toFixed(1)}: on a machine that does something else too, nothing here counts`,
  );
  const services = await startServices({ stateDir: join(root, 'services'), which: ['postgres'] });
  endings.push(() => services.stop());
  const url = await startApi(services.postgresUrl);
  const { instances, points, firstInstanceId: longest } = await seedCatalog(services.postgresUrl);
  console.log(`${instances} instances, ${points} restore points, a tenth of them of one instance\n`);

  const reads = await measureReads(url, TOKENS.admin, longest);
  console.log('The API alone, ms\n');
  for (const { read, p50, p95 } of reads) console.log(`  ${read.padEnd(58)} median ${p50}   95 % ${p95}`);

  const browser = await Browser.open();
  endings.push(() => browser.close());
  const paints = await measurePaints(browser, url, longest);
  const moves = await measureMoves(browser, url, longest);
  for (const complaint of browser.complaints) console.log(`complaint: ${complaint}`);
  return { instances, points, reads, paints, moves };
}

/** Migrates the database as it starts. Nothing else of the product runs: it only reads here. */
async function startApi(databaseUrl: string): Promise<string> {
  const [port = 0] = await freePorts(1);
  mkdirSync(root, { recursive: true });
  writeFileSync(join(root, 'tokens.json'), JSON.stringify(tokensFile()), { mode: 0o600 });
  const node = join(CHECKOUT, 'node_modules/.bin/node');
  const api = new ManagedProcess(
    'api',
    [node, join(CHECKOUT, 'dist/apps/api/main.js')],
    {
      HOME: root,
      NODE_ENV: 'production',
      VARVE_LOG_LEVEL: 'warn',
      VARVE_DATABASE_URL: databaseUrl,
      VARVE_HTTP_PORT: String(port),
      VARVE_TOKENS_FILE: join(root, 'tokens.json'),
      // Nobody sends heartbeats.
      VARVE_HOST_DOWN_AFTER_S: '86400',
    },
    root,
  );
  api.start();
  endings.push(() => api.stop());
  const url = `http://127.0.0.1:${port}`;
  await until('the API is ready', async () => (await fetch(`${url}/readyz`)).ok);
  return url;
}

/** A page, and what of it is of use: its data and not its frame. */
function pagesOf(longest: string): readonly { name: string; path: string; ready: string }[] {
  return [
    { name: 'overview', path: '/', ready: 'section[aria-label="Protection"] .number:not(:has(*))' },
    { name: 'instances', path: '/instances', ready: 'main table tbody tr[data-row-key]' },
    {
      name: 'instances, by last point',
      path: '/instances?sort=lastRestorePointAt&order=desc',
      ready: 'main table tbody tr[data-row-key]',
    },
    { name: 'instances, searched', path: '/instances?search=web-04', ready: 'main table tbody tr[data-row-key]' },
    { name: 'instance with 20,000 points', path: `/instances/${longest}`, ready: '.timeline svg' },
    {
      name: 'choosing a point of it',
      path: `/instances/${longest}/rollback`,
      ready: 'main table tbody tr[data-row-key]',
    },
    { name: 'operations', path: '/operations', ready: 'main table tbody tr[data-row-key]' },
    { name: 'audit log', path: '/admin/audit', ready: 'main table tbody tr[data-row-key]' },
  ];
}

async function measurePaints(browser: Browser, url: string, longest: string): Promise<object[]> {
  console.log(`\nFirst useful paint, ms (aim: under ${AIM.firstPaintMs}; median of ${ROUNDS})\n`);
  const results: object[] = [];
  for (const { name, path, ready } of pagesOf(longest)) {
    const cold: number[] = [];
    const warm: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const page = await browser.page();
      await logIn(page, url, TOKENS.admin);
      // Another context would have to log in again, and so would have it all in its cache as well.
      await page.context().clearCookies();
      await watchFor(page, ready);
      const session = await page.context().newCDPSession(page);
      await session.send('Network.clearBrowserCache');
      cold.push(await usefulPaint(page, url + path, ready));
      warm.push(await usefulPaint(page, url + path, ready));
      await page.context().close();
    }
    const result = { name, coldMs: rounded(median(cold), 0), warmMs: rounded(median(warm), 0) };
    results.push(result);
    const verdict = result.coldMs < AIM.firstPaintMs ? 'ok' : 'MISSED';
    console.log(
      `  ${name.padEnd(34)} cold ${String(result.coldMs).padStart(5)}   warm ${String(result.warmMs).padStart(5)}   ${verdict}`,
    );
  }
  return results;
}

async function measureMoves(browser: Browser, url: string, longest: string): Promise<object[]> {
  console.log(`\nTime between frames, ms (aim: 95 of 100 under ${AIM.frameMs})\n`);
  const page = await browser.page();
  await logIn(page, url, TOKENS.admin);
  const results: object[] = [];
  const report = (name: string, { frames, medianMs, p95Ms, slowestMs }: Evenness): void => {
    const result = {
      name,
      frames,
      medianMs: rounded(medianMs, 1),
      p95Ms: rounded(p95Ms, 1),
      slowestMs: rounded(slowestMs, 1),
    };
    results.push(result);
    const verdict = p95Ms < AIM.frameMs ? 'ok' : 'MISSED';
    console.log(
      `  ${name.padEnd(34)} median ${result.medianMs}   95 % ${result.p95Ms}   slowest ${result.slowestMs}   ${verdict}`,
    );
  };
  const wheel = async (steps: number, by: number): Promise<void> => {
    for (let step = 0; step < steps; step++) {
      await page.mouse.wheel(0, by);
      await page.evaluate('new Promise((done) => requestAnimationFrame(done))');
    }
  };

  await page.goto(`${url}/instances?limit=100`);
  await page.locator('main table tbody tr[data-row-key]').first().waitFor();
  await page.mouse.move(700, 500);
  report('scrolling the table of instances', await evenness(page, () => wheel(90, 60)));

  await page.goto(`${url}/instances/${longest}`);
  const timeline = page.locator('.timeline svg');
  await timeline.waitFor();
  await centre(page, timeline);
  report('zooming the time line in', await evenness(page, () => wheel(60, -40)));
  report('and out again', await evenness(page, () => wheel(60, 40)));
  await page.context().close();
  return results;
}

async function centre(page: Page, of: ReturnType<Page['locator']>): Promise<void> {
  await of.scrollIntoViewIfNeeded();
  const box = await of.boundingBox();
  if (!box) throw new Error('the time line is not to be seen');
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 3);
}
