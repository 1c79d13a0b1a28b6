import { InstanceQuery, InstanceView, Protection } from '@varve/contracts';
import type { Command } from 'commander';
import { Option } from 'commander';
import { list } from '../list.js';
import { colourOf } from '../output/colours.js';
import { size, text, time } from '../output/human.js';
import type { Column } from '../output/table.js';
import { parseHost, parseProject } from '../parse-id.js';
import type { Cli } from '../settings.js';
import { csvOption, open, watchOption } from '../settings.js';
import { pageFor, parseLimit, take } from '../take.js';

const COLUMNS: Column<InstanceView>[] = [
  { title: 'ID', value: ({ id }) => id },
  { title: 'NAME', value: ({ name }) => name },
  { title: 'STATE', value: ({ state }) => state, colour: ({ state }) => (state === 'unknown' ? 'yellow' : null) },
  { title: 'HOST', value: ({ host }) => host },
  { title: 'DISK', value: ({ virtualSizeBytes }) => size(virtualSizeBytes), right: true },
  { title: 'LAYERS', value: ({ chainLength }) => text(chainLength), right: true },
  { title: 'PROTECTION', value: ({ protection }) => protection, colour: ({ protection }) => colourOf(protection) },
  { title: 'LAST RESTORE POINT', value: ({ lastRestorePointAt }) => time(lastRestorePointAt) },
  { title: 'STORED', value: ({ storedBytes }) => size(storedBytes), right: true },
  {
    title: 'NOTE',
    value: ({ unsupported, operationId }) => unsupported?.code ?? (operationId ? `busy: ${operationId}` : ''),
  },
];

type Sort = NonNullable<InstanceQuery['sort']>;
/** As people write them, and as the API calls them. */
const SORTS: Readonly<Record<string, Sort>> = {
  id: 'id',
  name: 'name',
  host: 'host',
  point: 'lastRestorePointAt',
  stored: 'storedBytes',
  disk: 'virtualSizeBytes',
};

interface Options {
  readonly search?: string;
  readonly protection?: Protection;
  readonly host?: ReturnType<typeof parseHost>;
  readonly project?: ReturnType<typeof parseProject>;
  readonly sort?: string;
  readonly desc?: true;
  readonly limit: number;
}

export function addInstanceList(parent: Command, cli: Cli): void {
  parent
    .command('list')
    .description('list the instances')
    .option('--search <text>', 'only those with this in their name, or at the beginning of their uuid')
    .addOption(new Option('--protection <how>', 'only those that are so').choices(Protection.options))
    .option('--host <host>', 'only those on this host', parseHost)
    .option('--project <id>', "only this project's (administrators)", parseProject)
    .addOption(
      new Option('--sort <by>', 'by name, host, age of the newest restore point, bytes in the store or size').choices(
        Object.keys(SORTS),
      ),
    )
    .option('--desc', 'the greatest first')
    .option('--limit <n>', 'the most to list', parseLimit, Infinity)
    .addOption(csvOption())
    .addOption(watchOption())
    .action(async ({ search, protection, host, project, sort, desc, limit }: Options, command: Command) => {
      const session = open(cli, command);
      const order = sort === undefined ? undefined : SORTS[sort];
      const query = { search, protection, host, projectId: project, sort: order, order: desc && ('desc' as const) };
      await list(session, {
        schema: InstanceView,
        columns: COLUMNS,
        rows: () => take(session.client.instances({ ...query, limit: pageFor(limit) }, session), limit),
      });
    });
}
