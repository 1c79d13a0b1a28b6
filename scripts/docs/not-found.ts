import type { Page } from './pages.ts';

/** What is served where there is no page; as at the top, its addresses are made longer for what is below by who serves it. */
export const NOT_FOUND: Page = { path: '404', title: 'There is no such page', group: '' };

/** As the pages' own texts, so that its links are looked after like theirs. */
export const NOT_FOUND_TEXT = `# There is no such page

The address is mistyped, or what was there has another name now. Search for it in the field above (or press \`/\`), or choose from the menu.

- [The documentation’s first page](index.md)
- [What an error’s code means](troubleshooting.md)
`;
