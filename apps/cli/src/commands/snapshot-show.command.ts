import { SnapshotView } from '@varve/contracts';
import type { Command } from 'commander';
import { show } from '../output/print.js';
import { snapshotFacts } from '../output/snapshot.js';
import type { Cli } from '../settings.js';
import { csvOption, open } from '../settings.js';

export function addSnapshotShow(parent: Command, cli: Cli): void {
  parent
    .command('show')
    .description('show one snapshot')
    .argument('<snapshot>', 'its uid')
    .addOption(csvOption())
    .action(async (uid: string, _options: unknown, command: Command) => {
      const session = open(cli, command);
      const snapshot = await session.client.snapshot(uid, session);
      show(session, SnapshotView, snapshot, () => snapshotFacts(snapshot));
    });
}
