import { StepView } from '@varve/contracts';
import type { Command } from 'commander';
import { list } from '../list.js';
import { colourOf } from '../output/colours.js';
import { duration, text, time } from '../output/human.js';
import type { Column } from '../output/table.js';
import type { Cli } from '../settings.js';
import { csvOption, open, watchOption } from '../settings.js';

const COLUMNS: Column<StepView>[] = [
  { title: 'STEP', value: ({ name }) => name },
  { title: 'STATE', value: ({ state }) => state, colour: ({ state }) => colourOf(state) },
  { title: 'STARTED', value: ({ startedAt }) => time(startedAt) },
  {
    title: 'TOOK',
    value: ({ startedAt, finishedAt }) =>
      duration(finishedAt === null ? null : Date.parse(finishedAt) - Date.parse(startedAt)),
    right: true,
  },
  { title: 'DETAIL', value: ({ detail }) => text(detail) },
];

export function addOperationSteps(parent: Command, cli: Cli): void {
  parent
    .command('steps')
    .description('list what the host did for an operation, step by step, as its journal has it')
    .argument('<operation>', 'its id')
    .addOption(csvOption())
    .addOption(watchOption())
    .action(async (id: string, _options: unknown, command: Command) => {
      const session = open(cli, command);
      await list(session, {
        schema: StepView,
        columns: COLUMNS,
        rows: async () => ({ rows: (await session.client.steps(id, session)).items, more: false }),
      });
    });
}
