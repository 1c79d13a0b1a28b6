import MiniSearch from 'minisearch';

const root = document.body.dataset.root;
const get = (selector) => document.querySelector(selector);

// ---- light or dark
get('.theme').addEventListener('click', () => {
  const now =
    document.documentElement.dataset.theme ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
  const next = now === 'dark' ? 'light' : 'dark';
  document.documentElement.dataset.theme = next;
  try {
    localStorage.setItem('varve-docs-theme', next);
  } catch {
    // It counts for this page, then.
  }
});

// ---- the menu of a narrow window
const menu = get('.menu');
menu.addEventListener('click', () => {
  const open = document.body.classList.toggle('menu-open');
  menu.setAttribute('aria-expanded', String(open));
});

// ---- search
const input = get('.search input');
const list = get('#found');
let index = null;

async function load() {
  const response = await fetch(`${root}search.json`);
  if (!response.ok) throw new Error(`search.json: ${response.status}`);
  const search = new MiniSearch({
    fields: ['title', 'text'],
    storeFields: ['title', 'page', 'text'],
    searchOptions: { boost: { title: 4 }, prefix: true, fuzzy: 0.15, combineWith: 'AND' },
  });
  search.addAll(await response.json());
  return search;
}

function excerpt(text, terms) {
  const lower = text.toLowerCase();
  const at = Math.max(
    0,
    ...terms
      .map((term) => lower.indexOf(term.toLowerCase()))
      .filter((place) => place >= 0)
      .slice(0, 1),
  );
  const from = Math.max(0, at - 30);
  return `${from > 0 ? '…' : ''}${text.slice(from, from + 110)}${from + 110 < text.length ? '…' : ''}`;
}

function entry({ id, title, page, text, terms }) {
  const link = document.createElement('a');
  link.href = root + id;
  const head = document.createElement('strong');
  head.textContent = title === page ? title : `${page} › ${title}`;
  const more = document.createElement('span');
  more.textContent = excerpt(text, terms);
  link.append(head, more);
  const item = document.createElement('li');
  item.append(link);
  return item;
}

async function show() {
  const text = input.value.trim();
  if (text === '') {
    list.hidden = true;
    return;
  }
  try {
    index ??= load();
    const found = (await index).search(text).slice(0, 8);
    list.replaceChildren(...found.map(entry));
    if (found.length === 0)
      list.replaceChildren(Object.assign(document.createElement('li'), { textContent: 'Nothing found.' }));
  } catch {
    index = null;
    list.replaceChildren(
      Object.assign(document.createElement('li'), { textContent: 'The search does not answer; try again.' }),
    );
  }
  list.hidden = false;
}

input.addEventListener('input', show);
document.addEventListener('keydown', (event) => {
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
  if (event.key === '/' && !typing) {
    event.preventDefault();
    input.focus();
  }
  if (event.key === 'Escape') {
    list.hidden = true;
    input.blur();
  }
  if ((event.key === 'ArrowDown' || event.key === 'ArrowUp') && !list.hidden) {
    const links = [...list.querySelectorAll('a')];
    const next = links.indexOf(document.activeElement) + (event.key === 'ArrowDown' ? 1 : -1);
    event.preventDefault();
    (links[next] ?? input).focus();
  }
});
document.addEventListener('click', (event) => {
  if (!event.target.closest('.search')) list.hidden = true;
});
