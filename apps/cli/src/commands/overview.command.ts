import { OverviewView, StorageHistory } from '@varve/contracts';
import type { Command } from 'commander';
import { list } from '../list.js';
import { size, text, time } from '../output/human.js';
import { show } from '../output/print.js';
import type { Column } from '../output/table.js';
import { facts } from '../output/table.js';
import { parseTime, parseUntil } from '../parse-time.js';
import type { Cli } from '../settings.js';
import { csvOption, open, watchOption } from '../settings.js';

export function addOverview(program: Command, cli: Cli): void {
  const overview = program
    .command('overview')
    .description('how everything is, at a glance')
    .addOption(csvOption())
    .action(async (_options: unknown, command: Command) => {
      const session = open(cli, command);
      const view = await session.client.overview(session);
      show(session, OverviewView, view, () => overviewFacts(view));
    });
  addStorage(overview, cli);
}

function overviewFacts({ instances, lastPointAges: ages, operations, hosts, ...view }: OverviewView): string {
  const { total, failing, unprotected, unsupported } = instances;
  return facts([
    ['Instances', String(total)],
    ['Protected', String(instances.protected)],
    ['Failing', String(failing)],
    ['Unprotected', String(unprotected)],
    ['Not possible', String(unsupported)],
    ['Newest points', `${ages.hour} within an hour, ${ages.day} a day, ${ages.week} a week, ${ages.older} older`],
    ['Longest ago', view.stalest ? `${view.stalest.name}, ${time(view.stalest.at)}` : '-'],
    ['Restore points', `${view.restorePoints}, the newest ${time(view.newestRestorePointAt)}`],
    ['Stored', `${size(view.storedBytes)} for ${size(view.fullCopiesBytes)} of full copies`],
    ['Operations', `${operations.running} running, ${operations.queued} queued`],
    ['Failed in a day', String(operations.failedLastDay)],
    ['Hosts', hosts ? `${hosts.up} up, ${hosts.down} down` : text(null)],
  ]);
}

const Moment = StorageHistory.shape.items.element;
type Moment = StorageHistory['items'][number];

const COLUMNS: Column<Moment>[] = [
  { title: 'TIME', value: ({ at }) => time(at) },
  { title: 'STORED', value: ({ storedBytes }) => size(storedBytes), right: true },
  { title: 'FULL COPIES', value: ({ fullCopiesBytes }) => size(fullCopiesBytes), right: true },
  { title: 'RESTORE POINTS', value: ({ restorePoints }) => String(restorePoints), right: true },
];

function addStorage(parent: Command, cli: Cli): void {
  parent
    .command('storage')
    .description('what is stored, over time')
    .option('--from <time>', 'not before', (from) => parseTime(from))
    .option('--to <time>', 'not after', (to) => parseUntil(to))
    .addOption(csvOption())
    .addOption(watchOption())
    .action(async ({ from, to }: { from?: string; to?: string }, command: Command) => {
      const session = open(cli, command);
      await list(session, {
        schema: Moment,
        columns: COLUMNS,
        rows: async () => ({ rows: (await session.client.storageHistory({ from, to }, session)).items, more: false }),
      });
    });
}
