// Makes the documentation's pages of `docs`:  node scripts/docs/build.ts [folder]     (dist/docs)
//
// A link that leads nowhere, to a page or to a place in one, is an error.
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { asyncApi, eventsAsMarkdown } from './events.ts';
import { layout } from './layout.ts';
import { deadLinks } from './links.ts';
import type { Rendered } from './markdown.ts';
import { render } from './markdown.ts';
import { NOT_FOUND, NOT_FOUND_TEXT } from './not-found.ts';
import { ELSEWHERE, PAGES } from './pages.ts';
import type { Page } from './pages.ts';
import { referenceAsMarkdown } from './reference.ts';
import { sectionsOf } from './search.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const TEXTS = join(ROOT, 'docs');

export interface Site {
  readonly pages: ReadonlyMap<Page, Rendered>;
}

/** Everything but the files. */
export async function readSite(): Promise<Site> {
  const events = eventsAsMarkdown(await asyncApi());
  const pages = new Map<Page, Rendered>();
  for (const page of PAGES) {
    const text = await readFile(join(TEXTS, `${page.path}.md`), 'utf8');
    pages.set(page, render({ path: page.path, text: text.replace('<!-- events -->', events), root: TEXTS }));
  }
  const reference = ELSEWHERE.find(({ path }) => path === 'cli-reference');
  if (reference) {
    pages.set(reference, render({ path: reference.path, text: await referenceAsMarkdown(), root: TEXTS }));
  }
  return { pages };
}

/** @throws when a link is dead; nothing has been written then */
export async function buildSite(out: string): Promise<void> {
  const { pages } = await readSite();
  const notFound = render({ path: NOT_FOUND.path, text: NOT_FOUND_TEXT, root: TEXTS });
  const dead = deadLinks(new Map([...pages, [NOT_FOUND, notFound]]));
  if (dead.length > 0) throw new Error(`Dead links in the documentation:\n${dead.join('\n')}`);
  await rm(out, { recursive: true, force: true });
  const write = async (file: string, text: string): Promise<void> => {
    await mkdir(dirname(join(out, file)), { recursive: true });
    await writeFile(join(out, file), text);
  };
  for (const [page, rendered] of pages) {
    await write(`${page.path}.html`, layout(page, rendered));
    for (const file of rendered.files) {
      await mkdir(dirname(join(out, file)), { recursive: true });
      await cp(join(TEXTS, file), join(out, file));
    }
  }
  await write(`${NOT_FOUND.path}.html`, layout(NOT_FOUND, notFound));
  const sections = [...pages].flatMap(([page, rendered]) => sectionsOf(page, rendered));
  await write('search.json', JSON.stringify(sections));
  const assets = join(import.meta.dirname, 'assets');
  await cp(assets, join(out, 'assets'), { recursive: true });
  // A browser finds modules by their address.
  const script = await readFile(join(assets, 'docs.js'), 'utf8');
  await write('assets/docs.js', script.replace("from 'minisearch'", "from './minisearch.js'"));
  await cp(join(ROOT, 'apps/dashboard/src/varve.svg'), join(out, 'assets/varve.svg'));
  const packages = createRequire(import.meta.url);
  const minisearch = join(dirname(packages.resolve('minisearch')), '../es/index.js');
  const code = await readFile(minisearch, 'utf8');
  await write('assets/minisearch.js', code.replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n'));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await buildSite(resolve(process.argv[2] ?? join(ROOT, 'dist/docs')));
}
