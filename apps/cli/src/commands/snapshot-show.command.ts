import type { Command } from 'commander';
import { print } from '../output/print.js';
import { snapshotFacts } from '../output/snapshot.js';
import type { Cli } from '../settings.js';
import { open } from '../settings.js';

export function addSnapshotShow(parent: Command, cli: Cli): void {
  parent
    .command('show')
    .description('show one snapshot')
    .argument('<snapshot>', 'its uid')
    .action(async (uid: string, _options: unknown, command: Command) => {
      const session = open(cli, command);
      const snapshot = await session.client.snapshot(uid, session);
      print(session, snapshot, () => snapshotFacts(snapshot));
    });
}
