// Debian's Chromium, driven by Playwright, for tests of the dashboard and for pictures of it.
//
//   const browser = await Browser.open();
//   const page = await browser.page({ phone: true, language: 'zh-CN' });
//   await logIn(page, cluster.url, TOKENS.member);
//   expect(await seriousFaults(page)).toEqual([]);           // axe-core: accessibility
//   expect(browser.complaints).toEqual([]);                  // whatever a page has said of errors
//   await browser.close();
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';
import type { Browser as Chromium, BrowserContext, Page } from 'playwright-core';

export type { Page } from 'playwright-core';

export interface Looks {
  /** 390 x 844, touched by fingers; else a desktop of 1440 x 900. */
  readonly phone?: boolean;
  readonly dark?: boolean;
  readonly language?: 'en' | 'zh-CN';
}

/** Of a page that waits for real machines. */
const PATIENCE_MS = 120_000;

export class Browser {
  /** Errors that pages have met: thrown and not caught, or refused by their own security policy. */
  readonly complaints: string[] = [];
  private readonly contexts = new Set<BrowserContext>();

  private readonly chromium: Chromium;

  private constructor(chromium: Chromium) {
    this.chromium = chromium;
  }

  static async open(): Promise<Browser> {
    return new Browser(
      await chromium.launch({
        executablePath: '/usr/bin/chromium',
        args: [
          '--no-sandbox',
          '--disable-gpu',
          '--disable-quic',
          '--no-first-run',
          '--disable-background-networking',
          '--disable-component-update',
          '--disable-sync',
        ],
      }),
    );
  }

  /** A page of a browser of its own: nobody is logged in. */
  async page({ phone = false, dark = false, language = 'en' }: Looks = {}): Promise<Page> {
    const context = await this.chromium.newContext({
      viewport: phone ? { width: 390, height: 844 } : { width: 1440, height: 900 },
      hasTouch: phone,
      isMobile: phone,
      colorScheme: dark ? 'dark' : 'light',
      locale: language,
      timezoneId: 'UTC',
      // What moves could be looked at in its middle.
      reducedMotion: 'reduce',
    });
    context.setDefaultTimeout(PATIENCE_MS);
    this.contexts.add(context);
    const page = await context.newPage();
    page.on('pageerror', (error) => this.complaints.push(`${page.url()}: ${error.message}`));
    page.on('console', (message) => {
      // The browser's own note of an answer that says no; what the page makes of that, the test looks at.
      if (message.type() !== 'error' || message.text().startsWith('Failed to load resource')) return;
      this.complaints.push(`${page.url()}: ${message.text()}`);
    });
    return page;
  }

  async close(): Promise<void> {
    for (const context of this.contexts) await context.close();
    await this.chromium.close();
  }
}

/** By the page's own form. The page is then where it was gone to, or at the overview. */
export async function logIn(page: Page, url: string, token: string): Promise<void> {
  await page.goto(`${url}/login#token=${token}`);
  await page.getByRole('button', { name: /^(Log in|登录)$/ }).click();
  await page.waitForURL((at) => at.pathname !== '/login');
}

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface Fault {
  readonly id: string;
  readonly impact: string | null;
  readonly nodes: readonly { readonly target: readonly string[]; readonly failureSummary?: string }[];
}

/** What keeps people from using the page as it is now (WCAG 2 A and AA), each with where it is; serious or worse. */
export async function seriousFaults(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const faults = await page.evaluate<Fault[]>(
    `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] }).then(({ violations }) => violations)`,
  );
  return faults
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map((node) => `${id} at ${node.target.join(' ')}: ${node.failureSummary ?? ''}`));
}
