import { readFileSync } from 'node:fs';
import { extname, join, posix } from 'node:path';
import GithubSlugger from 'github-slugger';
import MarkdownIt from 'markdown-it';
import type { Token } from 'markdown-it';

interface Highlighter {
  getLanguage(name: string): unknown;
  highlight(code: string, options: { language: string }): { readonly value: string };
}
/** Its types would bring a browser's along, which clash with Node's. */
const HIGHLIGHT: string = 'highlight.js/lib/common';
const { default: hljs } = (await import(HIGHLIGHT)) as { default: Highlighter };

export interface Heading {
  readonly level: number;
  readonly id: string;
  readonly text: string;
}

/** A link within the site. */
export interface Link {
  /** Page that it goes to, as in `pages.ts`; or a file of ours. */
  readonly to: string;
  readonly anchor: string | null;
}

export interface Rendered {
  readonly html: string;
  readonly headings: readonly Heading[];
  readonly links: readonly Link[];
  /** Files of ours that it shows or offers, below `docs`. */
  readonly files: readonly string[];
}

export interface Source {
  /** As in `pages.ts`. */
  readonly path: string;
  readonly text: string;
  /** The folder of the Markdown files. */
  readonly root: string;
}

const LANGUAGES: Readonly<Record<string, string>> = {
  '.py': 'python',
  '.ts': 'typescript',
  '.yml': 'yaml',
  '.sh': 'bash',
};

/**
 * One page. The Markdown is what a git host shows too, so links are to files; here
 *
 * - a link to a page goes to the page, one to what is outside of `docs` is shown as a name alone: it isn't installed,
 * - a drawing becomes part of the page, so that it follows its light or dark,
 * - a paragraph that is just a link to a program shows that program.
 */
export function render({ path, text, root }: Source): Rendered {
  const slugger = new GithubSlugger();
  const headings: Heading[] = [];
  const links: Link[] = [];
  const files: string[] = [];
  const here = posix.dirname(path);
  const up = here === '.' ? '' : '../'.repeat(here.split('/').length);
  const markdown = new MarkdownIt({ html: true, linkify: false, highlight: highlighted });
  const { rules } = markdown.renderer;
  const fileOf = (href: string): string => posix.normalize(posix.join(here, href));

  rules['heading_open'] = (tokens, at, options, _, self) => {
    const token = tokens[at];
    const inline = textOf(tokens[at + 1]);
    const id = slugger.slug(inline);
    headings.push({ level: Number(token?.tag.slice(1)), id, text: inline });
    token?.attrSet('id', id);
    return self.renderToken(tokens, at, options);
  };
  rules['heading_close'] = (tokens, at, options, _, self) => {
    const id = headings.at(-1)?.id ?? '';
    return `<a class="anchor" href="#${id}" aria-label="Link to this section">#</a>${self.renderToken(tokens, at, options)}`;
  };
  rules['image'] = (tokens, at) => {
    const token = tokens[at];
    const svg = readFileSync(join(root, fileOf(String(token?.attrGet('src')))), 'utf8');
    return `<span class="drawing" tabindex="0" role="img" aria-label="${markdown.utils.escapeHtml(token?.content ?? '')}">${inlined(svg)}</span>`;
  };

  /** A link to what isn't here becomes a name. */
  const link = (token: Token): boolean => {
    const href = String(token.attrGet('href') ?? '');
    if (/^(https?|mailto):/.test(href)) return true;
    const [target = '', anchor = null] = href.split('#') as [string, string?];
    const file = target === '' ? `${path}.md` : fileOf(target);
    if (file.startsWith('../')) {
      const name = markdown.utils.escapeHtml(file.replace(/^(\.\.\/)+/, ''));
      Object.assign(token, { type: 'html_inline', content: `<span class="source" title="in the source: ${name}">` });
      return false;
    }
    const page = file.replace(/\.md$/, '');
    if (!file.endsWith('.md') && extname(file) !== '') files.push(file);
    links.push({ to: page, anchor });
    const address = target === '' ? '' : `${up}${page === 'index' ? './' : page}`;
    token.attrSet('href', `${address}${anchor === null ? '' : `#${anchor}`}`);
    return true;
  };
  const linksIn = (inline: Token): void => {
    const open: boolean[] = [];
    for (const token of inline.children ?? []) {
      if (token.type === 'link_open') open.push(link(token));
      if (token.type === 'link_close' && open.pop() === false) {
        Object.assign(token, { type: 'html_inline', content: '</span>' });
      }
    }
  };

  const tokens = markdown.parse(text, {});
  for (const [at, token] of tokens.entries()) {
    const file = shownFile(tokens, at);
    if (file === null) {
      if (token.type === 'inline') linksIn(token);
      continue;
    }
    const shown = fileOf(file);
    files.push(shown);
    const code = highlighted(readFileSync(join(root, shown), 'utf8'), LANGUAGES[extname(file)] ?? '');
    const name = `<a href="${up}${shown}" download>${posix.basename(file)}</a>`;
    const html = `<figure class="file"><figcaption>${name}</figcaption><pre><code>${code}</code></pre></figure>\n`;
    Object.assign(token, { type: 'html_block', content: html, children: null });
    for (const other of [tokens[at + 1], tokens[at + 2]]) {
      Object.assign(other ?? {}, { type: 'html_block', content: '', children: null });
    }
  }
  const html = markdown.renderer
    .render(tokens, markdown.options, {})
    // What is wider than a window is scrolled, also with the keyboard.
    .replaceAll('<pre>', '<pre tabindex="0">')
    .replaceAll('<table>', '<div class="table" tabindex="0"><table>')
    .replaceAll('</table>', '</table></div>');
  return { html, headings, links, files };
}

/** Of a paragraph that is nothing but a link to a program; `null`: it is something else. */
function shownFile(tokens: readonly Token[], at: number): string | null {
  if (tokens[at]?.type !== 'paragraph_open') return null;
  const [open, , close, ...more] = tokens[at + 1]?.children ?? [];
  if (open?.type !== 'link_open' || close?.type !== 'link_close' || more.length > 0) return null;
  const href = String(open.attrGet('href'));
  return extname(href) in LANGUAGES && !/^https?:/.test(href) ? href : null;
}

/** As it is read, without the marks. */
const textOf = (inline: Token | undefined): string =>
  (inline?.children ?? [])
    .map(({ type, content }) => (type === 'text' || type === 'code_inline' ? content : ''))
    .join('');

function highlighted(code: string, language: string): string {
  if (hljs.getLanguage(language)) return hljs.highlight(code, { language }).value;
  return code.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** Its own colours are for where it stands alone; here the page's style sheet has them. */
const inlined = (svg: string): string => svg.replace(/<style>[\s\S]*?<\/style>/, '').replace(/<\?xml.*?\?>/, '');
