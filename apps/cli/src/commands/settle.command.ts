import type { Command } from 'commander';
import { findInstance } from '../find-instance.js';
import { follow, goesOn } from '../follow.js';
import { duration } from '../output/human.js';
import { note, print } from '../output/print.js';
import type { Cli } from '../settings.js';
import { open } from '../settings.js';
import { printable } from '../terminal.js';

export function addSettle(program: Command, cli: Cli): void {
  program
    .command('settle')
    .description(
      'bring the system disk back to one layer on its base image, for a resize, a migration or an image of it',
    )
    .argument('<instance>', 'uuid, or name where it is unique')
    .option('--wait', 'follow it to its end (as without it; for runbooks)')
    .option('--no-wait', 'only ask for it')
    .addHelpText(
      'after',
      '\nThe instance goes on running. Restore points stay; the next snapshot protects it again and uploads what differs\n' +
        'from the newest stored state. Where Nova left .varve behind (a resize, a migration), or a rollback came\n' +
        "between, it uploads all of the instance's own data once.",
    )
    .action(async (named: string, _options: unknown, command: Command) => {
      const session = open(cli, command);
      const { client, signal } = session;
      const instance = await findInstance(session, named);
      const requested = await client.settle(instance.id, { signal });
      if (!session.wait) {
        print(session, requested, () => `${requested.id}\n`);
        return note(session, goesOn(requested.id));
      }
      const operation = await follow(session, requested.id);
      const took = Date.parse(operation.finishedAt ?? '') - Date.parse(operation.createdAt);
      print(session, operation, () => {
        const time = Number.isNaN(took) ? '' : `; took ${duration(took)}`;
        return `The disk of ${printable(instance.name)} is one layer on its base image${time}\n`;
      });
    });
}
