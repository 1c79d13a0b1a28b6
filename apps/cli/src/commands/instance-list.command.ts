import { toArray } from '@varve/api-client';
import type { InstanceView } from '@varve/contracts';
import type { Command } from 'commander';
import { size, text, time } from '../output/human.js';
import { print } from '../output/print.js';
import type { Column } from '../output/table.js';
import { table } from '../output/table.js';
import type { Cli } from '../settings.js';
import { open } from '../settings.js';

const COLUMNS: Column<InstanceView>[] = [
  { title: 'ID', value: ({ id }) => id },
  { title: 'NAME', value: ({ name }) => name },
  { title: 'STATE', value: ({ state }) => state },
  { title: 'HOST', value: ({ host }) => host },
  { title: 'DISK', value: ({ virtualSizeBytes }) => size(virtualSizeBytes), right: true },
  { title: 'LAYERS', value: ({ chainLength }) => text(chainLength), right: true },
  { title: 'LAST RESTORE POINT', value: ({ lastRestorePointAt }) => time(lastRestorePointAt) },
  {
    title: 'NOTE',
    value: ({ unsupported, operationId }) => unsupported?.code ?? (operationId ? `busy: ${operationId}` : ''),
  },
];

export function addInstanceList(parent: Command, cli: Cli): void {
  parent
    .command('list')
    .description('list the instances')
    .action(async (_options: unknown, command: Command) => {
      const session = open(cli, command);
      const instances = await toArray(session.client.instances({ limit: 1000 }, session));
      print(session, instances, () => table(COLUMNS, instances));
    });
}
