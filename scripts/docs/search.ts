import type { Rendered } from './markdown.ts';
import type { Page } from './pages.ts';

/** What is found: a section of a page. */
export interface Section {
  readonly id: string;
  readonly page: string;
  readonly title: string;
  readonly text: string;
}

/** A page, cut at its headings. */
export function sectionsOf(page: Page, { html, headings }: Rendered): Section[] {
  const address = page.path === 'index' ? '' : page.path;
  return html.split(/(?=<h[1-4] id=")/).flatMap((piece) => {
    const id = /^<h[1-4] id="([^"]*)"/.exec(piece)?.[1];
    const heading = headings.find((one) => one.id === id);
    const body = piece.replace(/^<h[1-4][\s\S]*?<\/h[1-4]>/, '');
    const text = plainOf(body);
    if (heading === undefined && text === '') return [];
    const first = heading === undefined || heading === headings[0];
    return [
      { id: first ? address : `${address}#${heading.id}`, page: page.title, title: heading?.text ?? page.title, text },
    ];
  });
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
  '&amp;': '&',
};

const plainOf = (html: string): string =>
  html
    .replace(/<svg[\s\S]*?<\/svg>/g, ' ')
    .replace(/<[^>]*>/g, ' ')
    .replace(/&(?:lt|gt|quot|#39|amp);/g, (entity) => ENTITIES[entity] ?? entity)
    .replace(/\s+/g, ' ')
    .trim();
