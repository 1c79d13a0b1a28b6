import type { Command } from 'commander';
import { confirm } from '../confirm.js';
import { assertKept } from '../finish-rollback.js';
import { follow, goesOn } from '../follow.js';
import { size, time } from '../output/human.js';
import { note, print } from '../output/print.js';
import type { Cli } from '../settings.js';
import { open, optionsOf } from '../settings.js';
import { printable } from '../terminal.js';

export function addRollbackKeep(parent: Command, cli: Cli): void {
  parent
    .command('keep')
    .description('give up what a rollback replaced and free its space on the host; after that it can not be undone')
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
      const space = rollback.keptBytes === null ? 'its space' : size(rollback.keptBytes);
      await confirm(
        session,
        instance,
        yes,
        `${name} (${instance.id}, ${instance.state} on ${instance.host}) stays as it is. What the rollback of ` +
          `${time(rollback.createdAt)} replaced is deleted,\nwhich frees ${space}: nothing can bring it back.`,
        `This deletes what the rollback of ${name} replaced`,
      );
      const requested = await client.keepRollback(id, { signal });
      if (!session.wait) {
        print(session, requested, () => `${requested.id}\n`);
        return note(session, goesOn(requested.id));
      }
      const operation = await follow(session, requested.id);
      print(session, operation, () => `${name} stays as it is; ${space} on ${printable(instance.host)} is free\n`);
    });
}
