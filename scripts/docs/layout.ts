import type { Rendered } from './markdown.ts';
import { ELSEWHERE, PAGES } from './pages.ts';
import type { Page } from './pages.ts';

/**
 * The page around a text. All addresses are relative, so that it works below any path, and nothing is written into the
 * page that would have to run: the API forbids that for it.
 */
export function layout(page: Page, { html, headings }: Rendered): string {
  const up = '../'.repeat(page.path.split('/').length - 1) || './';
  const at = PAGES.indexOf(page);
  // What is not in the menu's order has no neighbours.
  const [before, after] = at < 0 ? [] : [PAGES[at - 1], PAGES[at + 1]];
  const parts = headings.filter(({ level }) => level === 2);
  const title = page.path === 'index' ? 'Varve' : `${headings[0]?.text ?? page.title} · Varve`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<link rel="icon" href="${up}assets/varve.svg">
<link rel="stylesheet" href="${up}assets/docs.css">
<script src="${up}assets/theme.js"></script>
<script type="module" src="${up}assets/docs.js"></script>
</head>
<body data-root="${up}">
<a class="skip" href="#content">Skip to the text</a>
<header>
<button class="menu" aria-controls="menu" aria-expanded="false" aria-label="Menu">☰</button>
<a class="brand" href="${up}"><img src="${up}assets/varve.svg" alt="" width="22" height="22"> Varve</a>
<div class="search"><input type="search" placeholder="Search" aria-label="Search the documentation" aria-controls="found" autocomplete="off"><ul id="found" hidden></ul></div>
<button class="theme" aria-label="Light or dark">◐</button>
</header>
<nav id="menu" aria-label="Pages">${menu(page, up)}</nav>
<main id="content" tabindex="-1">
<article>
${html}</article>
<footer>${before ? `<a rel="prev" href="${hrefOf(before, up)}">← ${escaped(before.title)}</a>` : '<span></span>'}${after ? `<a rel="next" href="${hrefOf(after, up)}">${escaped(after.title)} →</a>` : ''}</footer>
</main>
<aside aria-label="On this page">${parts.length > 1 ? `<p>On this page</p><ul>${parts.map(({ id, text }) => `<li><a href="#${id}">${escaped(text)}</a></li>`).join('')}</ul>` : ''}</aside>
</body>
</html>
`;
}

function menu(current: Page, up: string): string {
  const all = [...PAGES, ...ELSEWHERE];
  const groups = [...new Set(all.map((page) => page.group))];
  return groups
    .map((name) => {
      const items = all
        .filter((page) => page.group === name)
        .map((page) => {
          const here = page === current ? ' aria-current="page"' : '';
          return `<li><a href="${hrefOf(page, up)}"${here}>${escaped(page.title)}</a></li>`;
        });
      return `<p>${escaped(name)}</p><ul>${items.join('')}</ul>`;
    })
    .join('');
}

const hrefOf = ({ path }: Page, up: string): string => (path === 'index' ? up : `${up}${path}`);

export const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
