import { AuditView } from '@varve/contracts';
import type { Command } from 'commander';
import { Option } from 'commander';
import { list } from '../list.js';
import { colourOf } from '../output/colours.js';
import { text, time } from '../output/human.js';
import type { Column } from '../output/table.js';
import { parseTime, parseUntil } from '../parse-time.js';
import type { Cli } from '../settings.js';
import { csvOption, open, watchOption } from '../settings.js';
import { pageFor, parseLimit, take } from '../take.js';

const COLUMNS: Column<AuditView>[] = [
  { title: 'TIME', value: ({ at }) => time(at) },
  { title: 'USER', value: ({ userId }) => userId },
  { title: 'PROJECT', value: ({ projectId }) => projectId },
  { title: 'ACTION', value: ({ action }) => action },
  { title: 'TARGET', value: ({ target }) => target },
  { title: 'OUTCOME', value: ({ outcome }) => outcome, colour: ({ outcome }) => colourOf(outcome) },
  { title: 'CODE', value: ({ code }) => text(code) },
  { title: 'CLIENT', value: ({ client }) => text(client) },
  { title: 'TIMES', value: ({ times }) => String(times), right: true },
  { title: 'REQUEST', value: ({ requestId }) => requestId },
];

interface Options {
  readonly from?: string;
  readonly to?: string;
  readonly user?: string;
  readonly project?: string;
  readonly action?: string;
  readonly outcome?: 'accepted' | 'denied';
  readonly limit: number;
}

export function addAuditList(parent: Command, cli: Cli): void {
  parent
    .command('list')
    .description('list what was asked for and what was refused, newest first (administrators)')
    .option('--from <time>', 'not before', (from) => parseTime(from))
    .option('--to <time>', 'not after', (to) => parseUntil(to))
    .option('--user <id>', "only this user's")
    .option('--project <id>', "only this project's")
    .option('--action <action>', 'only this, e.g. rollbacks:create')
    .addOption(new Option('--outcome <outcome>', 'only these').choices(['accepted', 'denied']))
    .option('--limit <n>', 'the most to list', parseLimit, 100)
    .addOption(csvOption())
    .addOption(watchOption())
    .action(async ({ user, project, limit, ...which }: Options, command: Command) => {
      const session = open(cli, command);
      const { from, to, action, outcome } = which;
      const query = { from, to, action, outcome, userId: user, projectId: project, limit: pageFor(limit) };
      await list(session, {
        schema: AuditView,
        columns: COLUMNS,
        rows: () => take(session.client.audit(query, session), limit),
      });
    });
}
