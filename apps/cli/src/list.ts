import { setTimeout as sleep } from 'node:timers/promises';
import type { z } from 'zod';
import { csv } from './output/csv.js';
import { note } from './output/print.js';
import { live } from './output/screen.js';
import type { Column } from './output/table.js';
import { table } from './output/table.js';
import type { Session } from './settings.js';
import type { Taken } from './take.js';
import { moreOf } from './take.js';

/** What a command lists, and how. */
export interface Listing<Row> {
  readonly schema: z.ZodObject;
  readonly columns: readonly Column<Row>[];
  /** Asked for again each time it is watched. */
  rows(): Promise<Taken<Row>>;
}

/** Lists it in the form that was asked for: once, or until the user has seen enough. */
export async function list<Row>(session: Session, listing: Listing<Row>): Promise<void> {
  const { terminal, watchMs } = session;
  if (watchMs === null) {
    const taken = await listing.rows();
    terminal.out.write(textOf(session, listing, taken));
    const more = moreOf(taken);
    if (more !== null) note(session, more);
    return;
  }
  if (session.format === 'text' && terminal.out.isTTY) {
    await live(session, watchMs, async () => {
      const taken = await listing.rows();
      return `${headOf(session, watchMs)}\n\n${textOf(session, listing, taken)}${moreOf(taken) ?? ''}`;
    });
    return;
  }
  // For a file or another program: one after the other, a line each as JSON.
  for (let first = true; ; first = false) {
    const taken = await listing.rows();
    if (session.format === 'json') terminal.out.write(`${JSON.stringify(taken.rows)}\n`);
    else terminal.out.write(`${first ? '' : '\n'}${new Date().toISOString()}\n${textOf(session, listing, taken)}`);
    await sleep(watchMs, undefined, { signal: session.signal }).catch((error: unknown) => {
      session.signal.throwIfAborted();
      throw error;
    });
  }
}

const headOf = ({ paint }: Session, everyMs: number): string =>
  paint('dim', `${new Date().toLocaleTimeString()}, every ${everyMs / 1000} s; q ends`);

function textOf<Row>({ format, paint }: Session, { schema, columns }: Listing<Row>, { rows }: Taken<Row>): string {
  switch (format) {
    case 'json':
      return `${JSON.stringify(rows, null, 2)}\n`;
    case 'csv':
      return csv(schema, rows);
    case 'text':
      return table(columns, rows, paint);
  }
}
