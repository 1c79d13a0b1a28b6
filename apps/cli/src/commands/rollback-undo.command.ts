import type { Command } from 'commander';
import { confirm } from '../confirm.js';
import { assertKept, finishRollback } from '../finish-rollback.js';
import { time } from '../output/human.js';
import { powerOver } from '../output/plan.js';
import type { Cli } from '../settings.js';
import { open, optionsOf } from '../settings.js';
import { printable } from '../terminal.js';

export function addRollbackUndo(parent: Command, cli: Cli): void {
  parent
    .command('undo')
    .description('bring back what a rollback replaced; the instance is stopped and started')
    .argument('<rollback>', 'its id')
    .option('--yes', 'do not ask', false)
    .option('--no-wait', 'only ask for it')
    .action(async (id: string, _options: unknown, command: Command) => {
      const session = open(cli, command);
      const { client, signal } = session;
      const rollback = await client.rollback(id, { signal });
      const instance = await client.instance(rollback.instanceId, { signal });
      const yes = optionsOf(command)['yes'] === true;
      if (!yes) assertKept(rollback, instance);
      const name = printable(instance.name);
      await confirm(
        session,
        instance,
        yes,
        `${name} (${instance.id}, ${instance.state} on ${instance.host}) gets back the disk that the rollback of ` +
          `${time(rollback.createdAt)} replaced.\n${powerOver(instance)}`,
      );
      const requested = await client.undoRollback(id, { signal });
      await finishRollback(session, requested, `${name} has the disk again that rollback ${id} replaced`);
    });
}
