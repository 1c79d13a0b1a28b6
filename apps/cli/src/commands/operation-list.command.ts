import { OperationState } from '@varve/contracts';
import type { Command } from 'commander';
import { Option } from 'commander';
import { findInstance } from '../find-instance.js';
import { OPERATION_COLUMNS } from '../output/operation.js';
import { print } from '../output/print.js';
import { table } from '../output/table.js';
import type { Cli } from '../settings.js';
import { open } from '../settings.js';
import { pageFor, parseLimit, take } from '../take.js';

interface Options {
  readonly instance?: string;
  readonly state?: OperationState;
  readonly limit: number;
}

export function addOperationList(parent: Command, cli: Cli): void {
  parent
    .command('list')
    .description('list operations, newest first')
    .option('--instance <instance>', "only this instance's")
    .addOption(new Option('--state <state>', 'only these').choices(OperationState.options))
    .option('--limit <n>', 'the most to list', parseLimit, 50)
    .action(async ({ instance, state, limit }: Options, command: Command) => {
      const session = open(cli, command);
      const instanceId = instance === undefined ? undefined : (await findInstance(session, instance)).id;
      const found = session.client.operations({ instanceId, state, limit: pageFor(limit) }, session);
      const operations = await take(session, found, limit);
      print(session, operations, () => table(OPERATION_COLUMNS, operations));
    });
}
