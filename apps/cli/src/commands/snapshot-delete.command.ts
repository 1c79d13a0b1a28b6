import type { Command } from 'commander';
import { note } from '../output/print.js';
import type { Cli } from '../settings.js';
import { open } from '../settings.js';

export function addSnapshotDelete(parent: Command, cli: Cli): void {
  parent
    .command('delete')
    .description('delete a snapshot that no other one stands on')
    .argument('<snapshot>', 'its uid')
    .action(async (uid: string, _options: unknown, command: Command) => {
      const session = open(cli, command);
      await session.client.deleteSnapshot(uid, session);
      note(session, `Snapshot ${uid} is deleted`);
    });
}
