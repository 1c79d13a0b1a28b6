import { RollbackView } from '@varve/contracts';
import type { Command } from 'commander';
import { findInstance } from '../find-instance.js';
import { list } from '../list.js';
import { ROLLBACK_COLUMNS } from '../output/rollback.js';
import type { Cli } from '../settings.js';
import { csvOption, open, watchOption } from '../settings.js';
import { pageFor, parseLimit, take } from '../take.js';

export function addRollbackList(parent: Command, cli: Cli): void {
  parent
    .command('list')
    .description("list an instance's rollbacks and undos, newest first")
    .argument('<instance>', 'uuid, or name where it is unique')
    .option('--limit <n>', 'the most to list', parseLimit, 100)
    .addOption(csvOption())
    .addOption(watchOption())
    .action(async (named: string, { limit }: { limit: number }, command: Command) => {
      const session = open(cli, command);
      const { id } = await findInstance(session, named);
      await list(session, {
        schema: RollbackView,
        columns: ROLLBACK_COLUMNS,
        rows: () => take(session.client.rollbacks(id, { limit: pageFor(limit) }, session), limit),
      });
    });
}
