import { toArray } from '@varve/api-client';
import type { HostView } from '@varve/contracts';
import type { Command } from 'commander';
import { size, time } from '../output/human.js';
import { print } from '../output/print.js';
import type { Column } from '../output/table.js';
import { table } from '../output/table.js';
import type { Cli } from '../settings.js';
import { open } from '../settings.js';

const COLUMNS: Column<HostView>[] = [
  { title: 'NAME', value: ({ name }) => name },
  { title: 'STATE', value: ({ up }) => (up ? 'up' : 'down') },
  { title: 'VERSION', value: ({ version }) => version },
  { title: 'QEMU', value: ({ versions }) => versions['qemu'] ?? '-' },
  { title: 'INSTANCES', value: ({ instances }) => String(instances), right: true },
  { title: 'OPEN JOURNALS', value: ({ openJournals }) => String(openJournals), right: true },
  { title: 'FREE', value: ({ freeBytes }) => size(freeBytes), right: true },
  { title: 'LAST HEARD OF', value: ({ seenAt }) => time(seenAt) },
];

export function addHostList(parent: Command, cli: Cli): void {
  parent
    .command('list')
    .description('list the hypervisor hosts (administrators)')
    .action(async (_options: unknown, command: Command) => {
      const session = open(cli, command);
      const hosts = await toArray(session.client.hosts({}, session));
      print(session, hosts, () => table(COLUMNS, hosts));
    });
}
