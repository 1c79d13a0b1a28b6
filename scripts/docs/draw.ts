// Draws the pictures of `docs/pictures`:  node scripts/docs/draw.ts
//
// Each is a list of moments; a moment is the backing chain as the host has it, base image first, and what is in the
// store. The colours follow the reader's: of the page where it is part of one, of the system where it stands alone.
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

type Kind = 'base' | 'history' | 'sealed' | 'active' | 'failed' | 'stored';

interface Layer {
  readonly name: string;
  readonly kind: Kind;
  readonly note?: string;
  /** Layers wide. */
  readonly wide?: number;
}

interface Moment {
  readonly title: string;
  readonly chain: readonly Layer[];
  /** Set apart: kept on the host, but no longer part of the chain. */
  readonly aside?: readonly Layer[];
  readonly store?: readonly string[];
  readonly text: string;
}

const base: Layer = { name: 'base', kind: 'base', note: 'image' };
const history: Layer = { name: 'history', kind: 'history', note: '…, 2, 3' };
const active = (name: string): Layer => ({ name, kind: 'active', note: 'guest writes' });
const sealed = (name: string, note: string, kind: Kind = 'sealed'): Layer => ({ name, kind, note });

export const PICTURES: Readonly<Record<string, readonly Moment[]>> = {
  snapshot: [
    {
      title: 'at rest',
      chain: [base, history, active('A')],
      store: ['1', '2', '3'],
      text: 'The guest writes to A. The disk’s name, `disk`, is a second name of A.',
    },
    {
      title: 'seal and switch',
      chain: [base, history, sealed('A', 'sealed'), active('B')],
      store: ['1', '2', '3'],
      text: 'One command to QEMU, about a millisecond. A never changes again; then `disk` becomes a name of B.',
    },
    {
      title: 'upload',
      chain: [base, history, sealed('A', 'uploading'), active('B')],
      store: ['1', '2', '3', 'A …'],
      text: 'At leisure. The guest never waits for the network.',
    },
    {
      title: 'available',
      chain: [base, history, sealed('A', 'stored', 'stored'), active('B')],
      store: ['1', '2', '3', 'A'],
      text: 'Whole and verified in the store: one can go back to A.',
    },
  ],
  failure: [
    {
      title: 'the upload fails',
      chain: [base, history, sealed('A', 'not stored', 'failed'), active('B')],
      store: ['1', '2', '3'],
      text: 'The snapshot has failed. Nothing is lost: A stays where it is.',
    },
    {
      title: 'the next snapshot',
      chain: [base, history, sealed('A', 'not stored', 'failed'), sealed('B', 'sealed'), active('C')],
      store: ['1', '2', '3'],
      text: 'It looks up what is stored, and finds that A is not.',
    },
    {
      title: 'both as one',
      chain: [base, history, { ...sealed('A + B', 'uploading'), wide: 1.4 }, active('C')],
      store: ['1', '2', '3', 'A + B …'],
      text: 'A and B become one layer, uploaded once. Nothing is uploaded twice.',
    },
    {
      title: 'healed',
      chain: [base, history, { ...sealed('A + B', 'stored', 'stored'), wide: 1.4 }, active('C')],
      store: ['1', '2', '3', 'A + B'],
      text: 'One can go back to B. There is no restore point of A.',
    },
  ],
  merge: [
    {
      title: 'after an upload',
      chain: [base, history, sealed('A', 'stored', 'stored'), active('B')],
      store: ['1', '2', '3', 'A'],
      text: 'A is in the store. The host needs it only for what the guest reads.',
    },
    {
      title: 'merge',
      chain: [base, { ...history, note: 'taking in A' }, sealed('A', 'read', 'stored'), active('B')],
      store: ['1', '2', '3', 'A'],
      text: 'QEMU commits A into the history layer, or a new one is copied. The guest goes on.',
    },
    {
      title: 'at rest',
      chain: [base, { ...history, name: 'history', note: '…, 2, 3, A' }, active('B')],
      store: ['1', '2', '3', 'A'],
      text: 'Two layers again, whatever the number of snapshots. The store keeps each apart.',
    },
  ],
  rollback: [
    {
      title: 'before',
      chain: [base, { ...history, note: '1, 2, 3' }, active('A')],
      store: ['1', '2', '3'],
      text: 'Back to 2 is asked for. The manifests alone say which bytes of 2 the host lacks.',
    },
    {
      title: 'while it runs',
      chain: [base, { ...history, note: '1, 2, 3' }, active('A')],
      aside: [sealed('2', 'put together')],
      store: ['1', '2', '3'],
      text: 'Each missing byte is fetched once; the rest comes from the host. Every frame is checked.',
    },
    {
      title: 'stop, move, start',
      chain: [base, sealed('2', 'restored', 'history'), active('B')],
      aside: [sealed('history', '1, 2, 3', 'stored'), sealed('A', 'kept', 'stored')],
      store: ['1', '2', '3'],
      text: 'The only moment that the guest is down. What was replaced is kept as it was.',
    },
    {
      title: 'undo',
      chain: [base, { ...history, note: '1, 2, 3' }, active('A')],
      aside: [sealed('2', 'kept', 'stored'), sealed('B', 'kept', 'stored')],
      store: ['1', '2', '3'],
      text: 'The other way round; nothing is fetched. Restore points stay all the while.',
    },
  ],
};

const [WIDTH, ROW, LEFT, BOX, GAP, HIGH] = [920, 84, 150, 94, 20, 38];

export function drawn(moments: readonly Moment[]): string {
  const rows = moments.map((moment, at) => rowOf(moment, 12 + at * ROW));
  const height = 12 + moments.length * ROW;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="13">
<style>${STYLE}</style>
<rect class="paper" width="${WIDTH}" height="${height}" fill="none"/>
${rows.join('\n')}
</svg>
`;
}

function rowOf({ title, chain, aside = [], store = [], text }: Moment, y: number): string {
  const pieces = [`<text x="12" y="${y + 24}" font-weight="600">${title}</text>`];
  let x = LEFT;
  const box = ({ name, kind, note, wide = 1 }: Layer, first: boolean): void => {
    const width = BOX * wide;
    const middle = x + width / 2;
    if (!first) pieces.push(arrow(x, y + HIGH / 2));
    const dash = kind === 'active' ? ' stroke-dasharray="5 3"' : '';
    pieces.push(`<rect class="box ${kind}" x="${x}" y="${y}" width="${width}" height="${HIGH}" rx="5"${dash}/>`);
    pieces.push(`<text x="${middle}" y="${y + (note ? 16 : 24)}" text-anchor="middle">${name}</text>`);
    if (note)
      pieces.push(`<text class="soft" x="${middle}" y="${y + 31}" text-anchor="middle" font-size="11">${note}</text>`);
    x += width + GAP;
  };
  for (const [at, layer] of chain.entries()) box(layer, at === 0);
  if (aside.length > 0) {
    x += 14;
    pieces.push(
      `<line class="edge" x1="${x - 17}" y1="${y - 2}" x2="${x - 17}" y2="${y + HIGH + 2}" stroke-dasharray="2 3"/>`,
    );
    for (const [at, layer] of aside.entries()) box(layer, at === 0);
  }
  pieces.push(
    `<text class="soft" x="${WIDTH - 12}" y="${y + 16}" text-anchor="end" font-size="11">in the store</text>`,
  );
  pieces.push(`<text x="${WIDTH - 12}" y="${y + 31}" text-anchor="end" font-size="12">${store.join(', ')}</text>`);
  pieces.push(`<text class="soft" x="${LEFT}" y="${y + HIGH + 18}" font-size="12">${text.replaceAll('`', '')}</text>`);
  return pieces.join('\n');
}

/** From a layer to the one that it stands on. */
const arrow = (x: number, y: number): string =>
  `<path class="edge" d="M${x - 2},${y} H${x - GAP + 7}"/><path class="tip" d="M${x - GAP + 2},${y} l7,-4 v8 z"/>`;

const LIGHT =
  '.base{fill:#d7dbe0}.history{fill:#b9d3ee}.sealed{fill:#f4dfa8}.active{fill:#bfe3c0}.failed{fill:#f2b8b3}.stored{fill:#e4d4f4}.box{stroke:#57606a}.edge{stroke:#57606a;fill:none}.tip{fill:#57606a}text{fill:#1f2328}.soft{fill:#59636e}';
const DARK =
  '.base{fill:#3a424b}.history{fill:#234a73}.sealed{fill:#6b5413}.active{fill:#1d5b2c}.failed{fill:#7a2f2a}.stored{fill:#4b3768}.box{stroke:#9da7b1}.edge{stroke:#9da7b1}.tip{fill:#9da7b1}text{fill:#e6edf3}.soft{fill:#c4ccd4}';
const STYLE = `${LIGHT}@media(prefers-color-scheme:dark){${DARK}}`;

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const folder = resolve(import.meta.dirname, '../../docs/pictures');
  for (const [name, moments] of Object.entries(PICTURES)) writeFileSync(join(folder, `${name}.svg`), drawn(moments));
}
