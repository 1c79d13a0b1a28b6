import type { Command } from 'commander';
import { findInstance } from '../find-instance.js';
import { follow, goesOn } from '../follow.js';
import { duration } from '../output/human.js';
import { note, print } from '../output/print.js';
import type { Cli } from '../settings.js';
import { open } from '../settings.js';
import { printable } from '../terminal.js';

export function addRepair(program: Command, cli: Cli): void {
  program
    .command('repair')
    .description('bring back the layers that a resize or a move has left behind')
    .argument('<instance>', 'uuid, or name where it is unique')
    .option('--accept-disk', 'where the disk was made anew without its layers: take it for right as it is')
    .option('--wait', 'follow it to its end (as without it; for runbooks)')
    .option('--no-wait', 'only ask for it')
    .addHelpText(
      'after',
      '\nThe instance must be stopped, or in error. They come from what Nova set aside on the host, else from the store.\n' +
        'Afterwards, where Nova has it in error: openstack server set --state active, openstack server reboot --hard.',
    )
    .action(async (named: string, options: { acceptDisk?: true }, command: Command) => {
      const session = open(cli, command);
      const { client, signal } = session;
      const instance = await findInstance(session, named);
      const requested = await client.repair(instance.id, { acceptDisk: options.acceptDisk ?? false }, { signal });
      if (!session.wait) {
        print(session, requested, () => `${requested.id}\n`);
        return note(session, goesOn(requested.id));
      }
      const operation = await follow(session, requested.id);
      const took = Date.parse(operation.finishedAt ?? '') - Date.parse(operation.createdAt);
      print(session, operation, () => {
        const time = Number.isNaN(took) ? '' : `; took ${duration(took)}`;
        return `The disk of ${printable(instance.name)} has all its layers${time}\n`;
      });
    });
}
