import { OperationView } from '@varve/contracts';
import type { Command } from 'commander';
import { operationFacts } from '../output/operation.js';
import { show } from '../output/print.js';
import type { Cli } from '../settings.js';
import { csvOption, open } from '../settings.js';

export function addOperationShow(parent: Command, cli: Cli): void {
  parent
    .command('show')
    .description('show one operation')
    .argument('<operation>', 'its id')
    .addOption(csvOption())
    .action(async (id: string, _options: unknown, command: Command) => {
      const session = open(cli, command);
      const operation = await session.client.operation(id, session);
      show(session, OperationView, operation, () => operationFacts(operation));
    });
}
