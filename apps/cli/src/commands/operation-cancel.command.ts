import { isFinished } from '@varve/api-client';
import type { Command } from 'commander';
import { OperationEndedBadlyError } from '../exit-codes.js';
import { progressOn } from '../output/progress.js';
import { print } from '../output/print.js';
import type { Cli, Session } from '../settings.js';
import { open } from '../settings.js';

export function addOperationCancel(parent: Command, cli: Cli): void {
  parent
    .command('cancel')
    .description('cancel an operation that has not yet changed the disk for good')
    .argument('<operation>', 'its id')
    .option('--no-wait', 'only ask for it')
    .action(async (id: string, _options: unknown, command: Command) => {
      const session = open(cli, command);
      const asked = await session.client.cancelOperation(id, session);
      const operation = session.wait && !isFinished(asked) ? await ended(session, id) : asked;
      print(session, operation, () => `Operation ${id} is ${operation.state}\n`);
      // The host may have been past the point of no return before it heard of it.
      if (isFinished(operation) && operation.state !== 'cancelled') {
        throw new OperationEndedBadlyError(`It came too late: operation ${id} has ${operation.state}`, operation);
      }
    });
}

async function ended({ client, terminal, signal }: Session, id: string) {
  const progress = progressOn(terminal.err);
  try {
    for await (const view of client.watchOperation(id, { signal })) {
      if (isFinished(view)) return view;
      progress.show(view);
    }
  } finally {
    progress.end();
  }
  return client.operation(id, { signal });
}
