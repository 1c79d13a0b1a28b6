import { HostView } from '@varve/contracts';
import type { Command } from 'commander';
import { list } from '../list.js';
import { colourOf } from '../output/colours.js';
import { size, time } from '../output/human.js';
import type { Column } from '../output/table.js';
import type { Cli } from '../settings.js';
import { csvOption, open, watchOption } from '../settings.js';
import { take } from '../take.js';

const wordOf = ({ up }: HostView): string => (up ? 'up' : 'down');

const COLUMNS: Column<HostView>[] = [
  { title: 'NAME', value: ({ name }) => name },
  { title: 'STATE', value: wordOf, colour: (host) => colourOf(wordOf(host)) },
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
    .addOption(csvOption())
    .addOption(watchOption())
    .action(async (_options: unknown, command: Command) => {
      const session = open(cli, command);
      await list(session, {
        schema: HostView,
        columns: COLUMNS,
        rows: () => take(session.client.hosts({}, session), Infinity),
      });
    });
}
