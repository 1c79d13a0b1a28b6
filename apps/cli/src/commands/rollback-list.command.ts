import type { Command } from 'commander';
import { findInstance } from '../find-instance.js';
import { print } from '../output/print.js';
import { ROLLBACK_COLUMNS } from '../output/rollback.js';
import { table } from '../output/table.js';
import type { Cli } from '../settings.js';
import { open } from '../settings.js';
import { pageFor, parseLimit, take } from '../take.js';

export function addRollbackList(parent: Command, cli: Cli): void {
  parent
    .command('list')
    .description("list an instance's rollbacks and undos, newest first")
    .argument('<instance>', 'uuid, or name where it is unique')
    .option('--limit <n>', 'the most to list', parseLimit, 100)
    .action(async (named: string, { limit }: { limit: number }, command: Command) => {
      const session = open(cli, command);
      const { id } = await findInstance(session, named);
      const rollbacks = await take(session, session.client.rollbacks(id, { limit: pageFor(limit) }, session), limit);
      print(session, rollbacks, () => table(ROLLBACK_COLUMNS, rollbacks));
    });
}
