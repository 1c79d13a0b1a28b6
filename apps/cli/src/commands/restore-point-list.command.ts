import type { Command } from 'commander';
import { findInstance } from '../find-instance.js';
import { print } from '../output/print.js';
import { SNAPSHOT_COLUMNS } from '../output/snapshot.js';
import { table } from '../output/table.js';
import { parseTime } from '../parse-time.js';
import type { Cli } from '../settings.js';
import { open } from '../settings.js';
import { pageFor, parseLimit, take } from '../take.js';

interface Options {
  readonly from?: string;
  readonly to?: string;
  readonly limit: number;
}

export function addRestorePointList(parent: Command, cli: Cli): void {
  parent
    .command('list')
    .description('list the points in time that an instance can go back to, newest first')
    .argument('<instance>', 'uuid, or name where it is unique')
    .option('--from <time>', 'not older', (text) => parseTime(text))
    .option('--to <time>', 'not younger', (text) => parseTime(text))
    .option('--limit <n>', 'the most to list', parseLimit, 100)
    .action(async (named: string, { from, to, limit }: Options, command: Command) => {
      const session = open(cli, command);
      const { id } = await findInstance(session, named);
      const found = session.client.restorePoints(id, { from, to, limit: pageFor(limit) }, session);
      const points = await take(session, found, limit);
      print(session, points, () => table(SNAPSHOT_COLUMNS, points));
    });
}
