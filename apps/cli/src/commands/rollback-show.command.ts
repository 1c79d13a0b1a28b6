import { RollbackView } from '@varve/contracts';
import type { Command } from 'commander';
import { show } from '../output/print.js';
import { rollbackFacts } from '../output/rollback.js';
import type { Cli } from '../settings.js';
import { csvOption, open } from '../settings.js';

export function addRollbackShow(parent: Command, cli: Cli): void {
  parent
    .command('show')
    .description('show one rollback or undo')
    .argument('<rollback>', 'its id')
    .addOption(csvOption())
    .action(async (id: string, _options: unknown, command: Command) => {
      const session = open(cli, command);
      const rollback = await session.client.rollback(id, session);
      show(session, RollbackView, rollback, () => rollbackFacts(rollback));
    });
}
