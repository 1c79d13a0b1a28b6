import { OperationKind, OperationState, OperationView } from '@varve/contracts';
import type { Command } from 'commander';
import { Option } from 'commander';
import { findInstance } from '../find-instance.js';
import { list } from '../list.js';
import { OPERATION_COLUMNS } from '../output/operation.js';
import { parseHost } from '../parse-id.js';
import type { Cli } from '../settings.js';
import { csvOption, open, watchOption } from '../settings.js';
import { pageFor, parseLimit, take } from '../take.js';

interface Options {
  readonly instance?: string;
  readonly state?: OperationState;
  readonly kind?: OperationKind;
  readonly host?: ReturnType<typeof parseHost>;
  readonly active?: true;
  readonly limit: number;
}

export function addOperationList(parent: Command, cli: Cli): void {
  parent
    .command('list')
    .description('list operations, newest first')
    .option('--instance <instance>', "only this instance's")
    .addOption(new Option('--state <state>', 'only these').choices(OperationState.options))
    .addOption(new Option('--kind <kind>', 'only these').choices(OperationKind.options))
    .option('--host <host>', 'only those on this host', parseHost)
    .addOption(new Option('--active', 'only what is queued or running').conflicts('state'))
    .option('--limit <n>', 'the most to list', parseLimit, 50)
    .addOption(csvOption())
    .addOption(watchOption())
    .action(async ({ instance, state, kind, host, active, limit }: Options, command: Command) => {
      const session = open(cli, command);
      const instanceId = instance === undefined ? undefined : (await findInstance(session, instance)).id;
      const query = { instanceId, state, kind, host, active, limit: pageFor(limit) };
      await list(session, {
        schema: OperationView,
        columns: OPERATION_COLUMNS,
        rows: () => take(session.client.operations(query, session), limit),
      });
    });
}
