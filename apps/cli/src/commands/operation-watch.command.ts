import type { OperationView } from '@varve/contracts';
import type { Command } from 'commander';
import { follow, succeeded } from '../follow.js';
import { operationFacts } from '../output/operation.js';
import type { Cli } from '../settings.js';
import { open } from '../settings.js';

export function addOperationWatch(parent: Command, cli: Cli): void {
  parent
    .command('watch')
    .description('follow an operation to its end; with --json, one line for each change')
    .argument('<operation>', 'its id')
    .action(async (id: string, _options: unknown, command: Command) => {
      const session = open(cli, command);
      const { client, terminal, signal } = session;
      if (session.format !== 'json') {
        terminal.out.write(operationFacts(await follow(session, id)));
        return;
      }
      let last: OperationView | null = null;
      for await (const view of client.watchOperation(id, { signal })) {
        terminal.out.write(`${JSON.stringify(view)}\n`);
        last = view;
      }
      succeeded(id, last);
    });
}
