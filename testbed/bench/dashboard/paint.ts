// How long a page takes to show something of use, and how evenly it moves.
import type { Page } from '../../browser/browser.ts';
import { median } from '../stats.ts';

/** Set by a page that {@link watchFor} was called on, once what it waits for is there. Milliseconds since navigation. */
const SEEN = '__seenAt';

/** Has every document that this page loads note when something first is in it. Looks at each frame. */
export async function watchFor(page: Page, selector: string): Promise<void> {
  await page.addInitScript(`{
    const look = () => {
      if (document.querySelector(${JSON.stringify(selector)})) window.${SEEN} = performance.now();
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  }`);
}

/** @returns milliseconds from the navigation to the first sight of what {@link watchFor} was told */
export async function usefulPaint(page: Page, url: string, selector: string): Promise<number> {
  await page.goto(url);
  await page.locator(selector).first().waitFor();
  await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
  return Number(await page.evaluate(`window.${SEEN}`));
}

export interface Evenness {
  readonly frames: number;
  readonly medianMs: number;
  /** Of a hundred frames, ninety-five were shown within. */
  readonly p95Ms: number;
  readonly slowestMs: number;
}

/** Notes the time between frames while something is done to the page. */
export async function evenness(page: Page, act: () => Promise<void>): Promise<Evenness> {
  await page.evaluate(`{
    window.__frames = [];
    let last = performance.now();
    const note = (now) => {
      if (!window.__frames) return;
      window.__frames.push(now - last);
      last = now;
      requestAnimationFrame(note);
    };
    requestAnimationFrame(note);
  }`);
  await act();
  const frames = await page.evaluate<number[]>(`{
    const frames = window.__frames;
    window.__frames = null;
    frames.slice(1)
  }`);
  const sorted = [...frames].sort((a, b) => a - b);
  return {
    frames: frames.length,
    medianMs: median(frames),
    p95Ms: sorted[Math.floor(sorted.length * 0.95)] ?? 0,
    slowestMs: sorted.at(-1) ?? 0,
  };
}
