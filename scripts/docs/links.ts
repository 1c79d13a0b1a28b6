import type { Rendered } from './markdown.ts';
import { ELSEWHERE } from './pages.ts';
import type { Page } from './pages.ts';

/** @returns one line for each link that leads nowhere */
export function deadLinks(pages: ReadonlyMap<Page, Rendered>): string[] {
  const all = new Map([...pages].map(([{ path }, rendered]) => [path, rendered]));
  const files = new Set([...pages.values()].flatMap((rendered) => rendered.files));
  const elsewhere = new Set(ELSEWHERE.map(({ path }) => path));
  return [...pages].flatMap(([{ path }, { links }]) =>
    links.flatMap(({ to, anchor }) => {
      const target = all.get(to);
      const there = target
        ? anchor === null || target.headings.some(({ id }) => id === anchor)
        : files.has(to) || elsewhere.has(to);
      return there ? [] : [`docs/${path}.md: ${to}${anchor === null ? '' : `#${anchor}`}`];
    }),
  );
}
