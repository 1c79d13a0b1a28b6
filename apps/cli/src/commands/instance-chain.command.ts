import { ChainLayerView } from '@varve/contracts';
import type { ChainView } from '@varve/contracts';
import type { Command } from 'commander';
import { findInstance } from '../find-instance.js';
import { csv } from '../output/csv.js';
import { size, text, time, yes } from '../output/human.js';
import { print } from '../output/print.js';
import type { Column } from '../output/table.js';
import { table } from '../output/table.js';
import type { Cli, Session } from '../settings.js';
import { csvOption, open } from '../settings.js';
import { printable } from '../terminal.js';

const COLUMNS: Column<ChainLayerView>[] = [
  { title: 'LAYER', value: ({ role }) => role, colour: ({ role }) => (role === 'active' ? 'green' : null) },
  { title: 'STORED', value: ({ stored, role }) => (role === 'active' ? '-' : yes(stored)) },
  { title: 'RESTORE POINT', value: ({ snapshotUid }) => text(snapshotUid) },
  { title: 'NAME', value: ({ snapshotName }) => text(snapshotName) },
  { title: 'ON DISK', value: ({ allocatedBytes }) => size(allocatedBytes), right: true },
  { title: 'LENGTH', value: ({ fileBytes }) => size(fileBytes), right: true },
];

export function addInstanceChain(parent: Command, cli: Cli): void {
  parent
    .command('chain')
    .description(
      "show an instance's layers as they are on its host, the base image first; with --csv, the layers alone",
    )
    .argument('<instance>', 'uuid, or name where it is unique')
    .addOption(csvOption())
    .action(async (named: string, _options: unknown, command: Command) => {
      const session = open(cli, command);
      const { id } = await findInstance(session, named);
      const chain = await session.client.chain(id, session);
      if (session.format === 'csv') session.terminal.out.write(csv(ChainLayerView, chain.layers));
      else print(session, chain, () => textOf(session, chain));
    });
}

function textOf({ paint }: Session, { base, layers, observedAt }: ChainView): string {
  if (observedAt === null) return 'The host has not told of its layers yet.\n';
  const bottom = base ? `${printable(base.name)}, ${size(base.sizeBytes)}` : 'not known';
  return `Base image: ${bottom}\nSeen: ${time(observedAt)}\n\n${table(COLUMNS, layers, paint)}`;
}
