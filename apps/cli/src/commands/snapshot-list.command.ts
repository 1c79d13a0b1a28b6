import { SnapshotStatus, SnapshotView } from '@varve/contracts';
import type { Command } from 'commander';
import { Option } from 'commander';
import { findInstance } from '../find-instance.js';
import { list } from '../list.js';
import { SNAPSHOT_COLUMNS } from '../output/snapshot.js';
import type { Cli } from '../settings.js';
import { csvOption, open, watchOption } from '../settings.js';
import { pageFor, parseLimit, take } from '../take.js';

interface Options {
  readonly status?: SnapshotStatus;
  readonly limit: number;
}

export function addSnapshotList(parent: Command, cli: Cli): void {
  parent
    .command('list')
    .description("list an instance's snapshots, newest first, failed ones too")
    .argument('<instance>', 'uuid, or name where it is unique')
    .addOption(new Option('--status <status>', 'only these').choices(SnapshotStatus.options))
    .option('--limit <n>', 'the most to list', parseLimit, 100)
    .addOption(csvOption())
    .addOption(watchOption())
    .action(async (named: string, { status, limit }: Options, command: Command) => {
      const session = open(cli, command);
      const { id } = await findInstance(session, named);
      await list(session, {
        schema: SnapshotView,
        columns: SNAPSHOT_COLUMNS,
        rows: () => take(session.client.snapshots(id, { status, limit: pageFor(limit) }, session), limit),
      });
    });
}
