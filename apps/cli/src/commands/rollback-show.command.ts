import type { Command } from 'commander';
import { print } from '../output/print.js';
import { rollbackFacts } from '../output/rollback.js';
import type { Cli } from '../settings.js';
import { open } from '../settings.js';

export function addRollbackShow(parent: Command, cli: Cli): void {
  parent
    .command('show')
    .description('show one rollback or undo')
    .argument('<rollback>', 'its id')
    .action(async (id: string, _options: unknown, command: Command) => {
      const session = open(cli, command);
      const rollback = await session.client.rollback(id, session);
      print(session, rollback, () => rollbackFacts(rollback));
    });
}
