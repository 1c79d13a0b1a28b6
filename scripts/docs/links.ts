import type { Rendered } from './markdown.ts';
import { PAGES } from './pages.ts';
import type { Page } from './pages.ts';

/**
 * A git host shows the same texts, and has of all that is served only what lies in `docs`: a link to a page that is made
 * elsewhere leads nowhere there.
 *
 * @returns one line for each link that leads nowhere
 */
export function deadLinks(pages: ReadonlyMap<Page, Rendered>): string[] {
  const texts = new Set(PAGES.map(({ path }) => path));
  const all = new Map([...pages].filter(([{ path }]) => texts.has(path)).map(([{ path }, text]) => [path, text]));
  const files = new Set([...pages.values()].flatMap((rendered) => rendered.files));
  return [...pages].flatMap(([{ path }, { links }]) =>
    links.flatMap(({ to, anchor }) => {
      const target = all.get(to);
      const there = target ? anchor === null || target.headings.some(({ id }) => id === anchor) : files.has(to);
      return there ? [] : [`docs/${path}.md: ${to}${anchor === null ? '' : `#${anchor}`}`];
    }),
  );
}
