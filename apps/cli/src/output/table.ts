import { printable } from '../terminal.js';

export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string;
  /** Numbers, so that their digits stand below each other. */
  readonly right?: boolean;
}

/** Aligned columns, two spaces apart; `null` when there are no rows. */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const cells = [
    columns.map(({ title }) => title),
    ...rows.map((row) => columns.map(({ value }) => printable(value(row)))),
  ];
  const widths = columns.map((_, column) => Math.max(...cells.map((row) => widthOf(row[column] ?? ''))));
  return cells
    .map((row) => {
      const padded = row.map((cell, column) => {
        const space = ' '.repeat((widths[column] ?? 0) - widthOf(cell));
        return columns[column]?.right ? space + cell : cell + space;
      });
      return `${padded.join('  ').trimEnd()}\n`;
    })
    .join('');
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
