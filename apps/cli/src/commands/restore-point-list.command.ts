import { SnapshotView } from '@varve/contracts';
import type { Command } from 'commander';
import { findInstance } from '../find-instance.js';
import { list } from '../list.js';
import { SNAPSHOT_COLUMNS } from '../output/snapshot.js';
import { parseTime, parseUntil } from '../parse-time.js';
import type { Cli } from '../settings.js';
import { csvOption, open, watchOption } from '../settings.js';
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
    .option('--to <time>', 'not younger', (text) => parseUntil(text))
    .option('--limit <n>', 'the most to list', parseLimit, 100)
    .addOption(csvOption())
    .addOption(watchOption())
    .action(async (named: string, { from, to, limit }: Options, command: Command) => {
      const session = open(cli, command);
      const { id } = await findInstance(session, named);
      await list(session, {
        schema: SnapshotView,
        columns: SNAPSHOT_COLUMNS,
        rows: () => take(session.client.restorePoints(id, { from, to, limit: pageFor(limit) }, session), limit),
      });
    });
}
