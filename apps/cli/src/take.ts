import { InvalidArgumentError } from 'commander';

/** The beginning of a list. */
export interface Taken<Item> {
  readonly rows: Item[];
  /** Whether there are more. */
  readonly more: boolean;
}

/** The first `limit` things of a list. */
export async function take<Item>(items: AsyncIterable<Item>, limit: number): Promise<Taken<Item>> {
  const rows: Item[] = [];
  for await (const item of items) {
    if (rows.length === limit) return { rows, more: true };
    rows.push(item);
  }
  return { rows, more: false };
}

/** @returns what to tell a person about it; `null`: nothing */
export const moreOf = ({ rows, more }: Taken<unknown>): string | null =>
  more ? `There are more than these ${rows.length}; see --limit` : null;

export function parseLimit(text: string): number {
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1) throw new InvalidArgumentError('a whole number from 1 on.');
  return limit;
}

/** As large a page as is needed and the API gives. */
export const pageFor = (limit: number): number => Math.min(1000, limit + 1);
