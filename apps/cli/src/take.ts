import { InvalidArgumentError } from 'commander';
import { note } from './output/print.js';
import type { Session } from './settings.js';

/** The first `limit` things of a list; says so when there are more. */
export async function take<Item>(session: Session, items: AsyncIterable<Item>, limit: number): Promise<Item[]> {
  const taken: Item[] = [];
  for await (const item of items) {
    if (taken.length === limit) {
      note(session, `There are more than these ${limit}; see --limit`);
      break;
    }
    taken.push(item);
  }
  return taken;
}

export function parseLimit(text: string): number {
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1) throw new InvalidArgumentError('a whole number from 1 on.');
  return limit;
}

/** As large a page as is needed and the API gives. */
export const pageFor = (limit: number): number => Math.min(1000, limit + 1);
