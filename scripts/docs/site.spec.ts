import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiEnvironment } from '../../apps/api/src/config.js';
import { ENVIRONMENT } from '../../apps/cli/src/manual/synopsis.js';
import { ConductorEnvironment } from '../../apps/conductor/src/config.js';
import { WorkerEnvironment } from '../../apps/worker/src/config.js';
import { buildSite, readSite } from './build.ts';
import type { Site } from './build.ts';
import { drawn, PICTURES } from './draw.ts';
import { errorCodes } from './error-codes.ts';
import { asyncApi } from './events.ts';
import { deadLinks } from './links.ts';
import { render } from './markdown.ts';
import type { Rendered } from './markdown.ts';
import { PAGES } from './pages.ts';

const DOCS = resolve(import.meta.dirname, '../../docs');

let site: Site;
let out: string;
beforeAll(async () => {
  site = await readSite();
  out = await mkdtemp(join(tmpdir(), 'varve-docs-'));
  await buildSite(join(out, 'docs'));
});
afterAll(() => rm(out, { recursive: true }));

function pageAt(path: string): Rendered {
  const [found] = [...site.pages].filter(([page]) => page.path === path);
  if (!found) throw new Error(`no page ${path}`);
  return found[1];
}

describe('links', () => {
  it('lead somewhere, all of them', () => {
    expect([...site.pages.values()].flatMap(({ links }) => links).length).toBeGreaterThan(30);
    expect(deadLinks(site.pages)).toEqual([]);
  });

  it.each([
    ['[x](none.md)', 'docs/openstack/nova.md: openstack/none'],
    ['[x](glance.md#nowhere)', 'docs/openstack/nova.md: openstack/glance#nowhere'],
    ['[x](#nowhere)', 'docs/openstack/nova.md: openstack/nova#nowhere'],
    // Served, but no file: a git host has none.
    ['[x](../cli-reference.md#exit-codes)', 'docs/openstack/nova.md: cli-reference#exit-codes'],
    ['[x](../api.md)', 'docs/openstack/nova.md: api'],
    ['see [x](../pictures/none.svg)', 'docs/openstack/nova.md: pictures/none.svg'],
  ])('%s is found out where it does not', (text, expected) => {
    const [nova] = PAGES.filter(({ path }) => path === 'openstack/nova');
    const pages = new Map(site.pages);
    const rendered = render({ path: 'openstack/nova', text, root: DOCS });
    // A file that is only linked is no file that is there.
    if (nova) pages.set(nova, { ...rendered, files: [] });
    expect(deadLinks(pages)).toContain(expected);
  });

  it('every text is in the menu', async () => {
    const files = (await readdir(DOCS, { recursive: true })).filter((file) => file.endsWith('.md'));
    expect(files.map((file) => file.slice(0, -3)).sort()).toEqual(PAGES.map(({ path }) => path).sort());
  });
});

describe('what is built', () => {
  const htmlFiles = async (): Promise<string[]> =>
    (await readdir(join(out, 'docs'), { recursive: true })).filter((file) => file.endsWith('.html'));

  it('loads nothing from elsewhere, and has nothing in its pages that would run', async () => {
    const files = await htmlFiles();
    // And the one for what is not there.
    expect(files.length).toBe(site.pages.size + 1);
    for (const file of files) {
      const html = await readFile(join(out, 'docs', file), 'utf8');
      expect([file, /(?:src|<link[^>]*href|@import)[= ("']+(?:https?:)?\/\//.test(html)]).toEqual([file, false]);
      expect([file, /<script(?![^>]* src=)|<style|\son\w+=|\sstyle=/.test(html)]).toEqual([file, false]);
    }
  });

  it('has a file behind every relative address', async () => {
    for (const file of await htmlFiles()) {
      const html = await readFile(join(out, 'docs', file), 'utf8');
      for (const [, address = ''] of html.matchAll(/(?:href|src)="([^"#:]+)(?:#[^"]*)?"/g)) {
        const path = new URL(address, `http://x/${file}`).pathname;
        // The page to try the API is the framework's.
        if (path === '/api') continue;
        const there = await readFile(
          join(out, 'docs', /\.\w+$/.test(path) ? path : path.endsWith('/') ? 'index.html' : `${path}.html`),
        ).then(
          () => true,
          () => false,
        );
        expect([file, address, there]).toEqual([file, address, true]);
      }
    }
  });

  it('can be searched, to the section', async () => {
    const sections = JSON.parse(await readFile(join(out, 'docs/search.json'), 'utf8')) as {
      id: string;
      text: string;
    }[];
    expect(sections.find(({ id }) => id === 'troubleshooting#layers_missing')?.text).toContain('varve repair');
    expect(new Set(sections.map(({ id }) => id)).size).toBe(sections.length);
  });
});

it('the page of the events has every one of them', async () => {
  const { components } = await asyncApi();
  const told = Object.values(components.messages).map(({ name }) => name);
  expect(told.length).toBeGreaterThan(10);
  const { html } = pageAt('events');
  expect(told.filter((name) => !html.includes(`>${name}<`))).toEqual([]);
});

describe('troubleshooting', () => {
  const codes = [...errorCodes()].filter((code) => /^[a-z][a-z0-9_]+$/.test(code)).sort();

  it('finds codes where they are written', () => {
    expect(codes).toEqual(
      expect.arrayContaining(['not_found', 'disk_encrypted', 'instance_locked', 'internal', 'api_unreachable']),
    );
    expect(codes).toEqual(expect.arrayContaining(['invalid_request', 'payload_too_large', 'journal_unwritable']));
    expect(codes.length).toBeGreaterThan(60);
  });

  it('has a text for every code that there is, at its name, and for no other', () => {
    const { headings } = pageAt('troubleshooting');
    const told = headings.filter(({ level }) => level === 3).map(({ id }) => id);
    expect(told.sort()).toEqual(codes);
  });
});

it('the settings are those that there are', async () => {
  const text = await readFile(join(DOCS, 'settings.md'), 'utf8');
  const told = [...text.matchAll(/^\| (`[^|]*) \|/gm)].flatMap(([, cell = '']) => {
    const names = [...cell.matchAll(/`(\w+)`/g)].map(([, name = '']) => name);
    // `VARVE_S3_ENDPOINT`, `_REGION`: the first says how they all begin.
    const known = new Set(all);
    const [first = ''] = names;
    return names.map((name) => {
      if (!name.startsWith('_')) return name;
      const parts = first.split('_');
      const candidates = parts.map((_, at) => parts.slice(0, at + 1).join('_') + name);
      return candidates.find((one) => known.has(one)) ?? name;
    });
  });
  expect(told.sort()).toEqual([...all, ...ofTheCommand].sort());
});
const ofTheCommand = ENVIRONMENT.map(([name]) => name).filter((name) => name.startsWith('VARVE_'));
const all = [
  ...new Set([WorkerEnvironment, ApiEnvironment, ConductorEnvironment].flatMap((schema) => Object.keys(schema.shape))),
].sort();

it.each(Object.entries(PICTURES))(
  'the picture of a %s is as drawn (else: node scripts/docs/draw.ts)',
  async (name, moments) => {
    expect(await readFile(join(DOCS, 'pictures', `${name}.svg`), 'utf8')).toBe(drawn(moments));
  },
);
