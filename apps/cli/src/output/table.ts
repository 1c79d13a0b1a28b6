import { printable } from '../terminal.js';
import type { Colour, Paint } from './colours.js';
import { plain } from './colours.js';

export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string;
  /** Numbers, so that their digits stand below each other. */
  readonly right?: boolean;
  readonly colour?: (row: Row) => Colour | null;
}

/** Aligned columns, two spaces apart; a line of titles alone when there are no rows. */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], paint: Paint = plain): string {
  const cells = rows.map((row) => columns.map(({ value }) => printable(value(row))));
  const titles = columns.map(({ title }) => title);
  const widths = titles.map((title, at) => Math.max(...[title, ...cells.map((row) => row[at] ?? '')].map(widthOf)));
  const lineOf = (texts: readonly string[], colours: (at: number) => Colour | null): string => {
    const last = texts.findLastIndex((text) => text !== '');
    const padded = texts.slice(0, last + 1).map((text, at) => {
      const space = ' '.repeat((widths[at] ?? 0) - widthOf(text));
      const painted = paint(text === '' ? null : colours(at), text);
      return columns[at]?.right ? space + painted : at === last ? painted : painted + space;
    });
    return `${padded.join('  ')}\n`;
  };
  return [
    lineOf(titles, () => 'bold'),
    ...rows.map((row, at) => lineOf(cells[at] ?? [], (column) => columns[column]?.colour?.(row) ?? null)),
  ].join('');
}

/** One thing, a line for each of its facts. */
export function facts(of: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...of.map(([name]) => name.length));
  return of.map(([name, value]) => `${`${name}:`.padEnd(width + 2)} ${printable(value)}\n`).join('');
}

const WIDE =
  /[\u{1100}-\u{115F}\u{2E80}-\u{A4CF}\u{AC00}-\u{D7A3}\u{F900}-\u{FAFF}\u{FE30}-\u{FE6F}\u{FF00}-\u{FF60}\u{FFE0}-\u{FFE6}\u{20000}-\u{3FFFD}]|\p{Emoji_Presentation}/u;

/** Columns of a terminal that a text takes. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of text) {
    if (/\p{Mn}|\p{Me}/u.test(character)) continue;
    width += WIDE.test(character) ? 2 : 1;
  }
  return width;
}
