import { SnapshotEstimate } from '@varve/contracts';
import type { Command } from 'commander';
import { findInstance } from '../find-instance.js';
import { expected, refusalFacts } from '../output/expected.js';
import { size } from '../output/human.js';
import { show } from '../output/print.js';
import { facts } from '../output/table.js';
import type { Cli } from '../settings.js';
import { csvOption, open } from '../settings.js';

export function addSnapshotEstimate(parent: Command, cli: Cli): void {
  parent
    .command('estimate')
    .description('say what a snapshot now would be like; takes none')
    .argument('<instance>', 'uuid, or name where it is unique')
    .addOption(csvOption())
    .action(async (named: string, _options: unknown, command: Command) => {
      const session = open(cli, command);
      const { id } = await findInstance(session, named);
      const estimate = await session.client.snapshotEstimate(id, session);
      show(session, SnapshotEstimate, estimate, () =>
        facts([
          ['Changed, at most', size(estimate.changedBytesAtMost)],
          ['Guest waits', expected(estimate.stall)],
          ['Until it is stored', expected(estimate.duration)],
          ...refusalFacts(estimate.refusal),
        ]),
      );
    });
}
