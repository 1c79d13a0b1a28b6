import { TimelinePoint } from '@varve/contracts';
import type { TimelineView } from '@varve/contracts';
import type { Command } from 'commander';
import { UsageError } from '../exit-codes.js';
import { findInstance } from '../find-instance.js';
import { csv } from '../output/csv.js';
import { size, text, time } from '../output/human.js';
import { print } from '../output/print.js';
import type { Column } from '../output/table.js';
import { table } from '../output/table.js';
import { parseTime, parseUntil } from '../parse-time.js';
import type { Cli, Session } from '../settings.js';
import { csvOption, open } from '../settings.js';

/** The most points that the API gives one by one. */
const MOST = 2000;

/** A point, or many of a stretch of time. */
interface Line {
  readonly at: string;
  readonly branch: number;
  readonly what: string;
  readonly changedBytes: number | null;
  readonly here: boolean;
}

const COLUMNS: Column<Line>[] = [
  { title: 'TIME', value: ({ at }) => time(at) },
  { title: 'BRANCH', value: ({ branch }) => text(branch + 1), right: true },
  { title: 'CHANGED', value: ({ changedBytes }) => size(changedBytes), right: true },
  { title: 'WHAT', value: ({ what }) => what },
  { title: '', value: ({ here }) => (here ? '<- the disk goes on from here' : ''), colour: () => 'green' },
];

export function addRestorePointTimeline(parent: Command, cli: Cli): void {
  parent
    .command('timeline')
    .description(
      'show the restore points in time, failed ones too, with the branches that rollbacks began; oldest first',
    )
    .argument('<instance>', 'uuid, or name where it is unique')
    .option('--from <time>', 'not older', (given) => parseTime(given))
    .option('--to <time>', 'not younger', (given) => parseUntil(given))
    .addOption(csvOption())
    .action(async (named: string, { from, to }: { from?: string; to?: string }, command: Command) => {
      const session = open(cli, command);
      const { id } = await findInstance(session, named);
      const timeline = await session.client.timeline(id, { from, to, points: MOST }, session);
      if (session.format !== 'csv') return print(session, timeline, () => textOf(session, timeline));
      assertOneByOne(timeline);
      session.terminal.out.write(csv(TimelinePoint, timeline.points));
    });
}

/**
 * Groups have other columns than points, and a program counts on those it knows.
 *
 * @throws {UsageError} it has too many points for that
 */
function assertOneByOne({ from, to, total, buckets }: TimelineView): void {
  if (buckets.length === 0) return;
  throw new UsageError(
    `${total} points between ${time(from)} and ${time(to)}: as CSV, with a line for each, there can be ${MOST}. ` +
      'Ask for one part of that time after the other, with --from and --to',
  );
}

function textOf({ paint }: Session, { points, buckets, here, total }: TimelineView): string {
  const lines: Line[] = [
    ...points.map(({ sealedAt, createdAt, branch, name, status, changedBytes, uid }) => ({
      at: sealedAt ?? createdAt,
      branch,
      what: name === null ? status : `${status}, ${name}`,
      changedBytes,
      here: uid === here.snapshotUid,
    })),
    ...buckets.map(({ from, branch, available, failed, changedBytes, newest }) => ({
      at: from,
      branch,
      what: `${available} available, ${failed} failed`,
      changedBytes,
      here: newest !== null && newest.uid === here.snapshotUid,
    })),
  ];
  const groups = buckets.length > 0 ? `${total} in groups; --from and --to show fewer one by one\n` : '';
  return table(COLUMNS, lines, paint) + groups;
}
