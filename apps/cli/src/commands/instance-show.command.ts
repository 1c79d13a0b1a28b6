import { InstanceView } from '@varve/contracts';
import type { Command } from 'commander';
import { findInstance } from '../find-instance.js';
import { adviceOf } from '../follow.js';
import { size, text, time } from '../output/human.js';
import { show } from '../output/print.js';
import { facts } from '../output/table.js';
import type { Cli } from '../settings.js';
import { csvOption, open } from '../settings.js';

export function addInstanceShow(parent: Command, cli: Cli): void {
  parent
    .command('show')
    .description('show one instance')
    .argument('<instance>', 'uuid, or name where it is unique')
    .addOption(csvOption())
    .action(async (named: string, _options: unknown, command: Command) => {
      const session = open(cli, command);
      const instance = await findInstance(session, named);
      const { unsupported } = instance;
      show(session, InstanceView, instance, () =>
        facts([
          ['ID', instance.id],
          ['Name', instance.name],
          ['Project', instance.projectId],
          ['Host', instance.host],
          ['State', instance.state],
          ['System disk', size(instance.virtualSizeBytes)],
          ['Own layers', text(instance.chainLength)],
          ['Last restore point', time(instance.lastRestorePointAt)],
          ['Running operation', text(instance.operationId)],
          [
            'Snapshots',
            unsupported
              ? `not possible: ${unsupported.message} (${unsupported.code}). ${adviceOf(unsupported.remedy)}`
              : 'possible',
          ],
          ['Last heard of', time(instance.seenAt)],
        ]),
      );
    });
}
