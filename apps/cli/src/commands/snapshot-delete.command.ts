import type { Command } from 'commander';
import { follow, goesOn } from '../follow.js';
import { note, print } from '../output/print.js';
import type { Cli } from '../settings.js';
import { open } from '../settings.js';

export function addSnapshotDelete(parent: Command, cli: Cli): void {
  parent
    .command('delete')
    .description('delete a snapshot that no other one stands on')
    .argument('<snapshot>', 'its uid')
    .option('--no-wait', 'only ask for it')
    .action(async (uid: string, _options: unknown, command: Command) => {
      const session = open(cli, command);
      const requested = await session.client.deleteSnapshot(uid, session);
      if (!session.wait) {
        print(session, requested, () => `${requested.id}\n`);
        return note(session, goesOn(requested.id));
      }
      const operation = await follow(session, requested.id);
      print(session, operation, () => `Snapshot ${uid} is deleted\n`);
    });
}
