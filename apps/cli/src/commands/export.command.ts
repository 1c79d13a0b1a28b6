import type { InstanceView, SnapshotView } from '@varve/contracts';
import { NotFoundError } from '@varve/core';
import type { Command } from 'commander';
import { Option } from 'commander';
import { UsageError } from '../exit-codes.js';
import { findInstance } from '../find-instance.js';
import { follow, goesOn } from '../follow.js';
import { duration, size, time } from '../output/human.js';
import { note, print } from '../output/print.js';
import { parseUntil } from '../parse-time.js';
import { newestUntil } from '../restore-point.js';
import type { Cli, Session } from '../settings.js';
import { open } from '../settings.js';
import { printable } from '../terminal.js';

interface Options {
  readonly point?: string;
  readonly at?: string;
  readonly name: string;
  readonly visibility?: 'private' | 'shared';
  readonly format?: 'qcow2' | 'raw';
}

export function addExport(program: Command, cli: Cli): void {
  program
    .command('export')
    .description('make an image of the cloud of a restore point, to boot new instances from; nothing is stopped')
    .argument('<instance>', 'uuid, or name where it is unique; it may have been deleted')
    .addOption(new Option('--point <snapshot>', "the snapshot's uid").conflicts('at'))
    .option('--at <time>', 'the newest restore point that is not younger', (text) => parseUntil(text))
    .requiredOption('--name <name>', 'what to call the image')
    .addOption(
      new Option('--visibility <who>', 'who sees the image; private by default').choices(['private', 'shared']),
    )
    .addOption(new Option('--format <format>', 'qcow2 by default; raw sends the zeros too').choices(['qcow2', 'raw']))
    .option('--wait', 'follow it to its end (as without it; for runbooks)')
    .option('--no-wait', 'only ask for it')
    .action(async (named: string, options: Options, command: Command) => {
      const session = open(cli, command);
      const { client, signal } = session;
      const instance = await findInstance(session, named);
      const point = await pointOf(session, instance, options);
      const { name, visibility, format } = options;
      const requested = await client.exportSnapshot(point.uid, { name, visibility, diskFormat: format }, { signal });
      if (!session.wait) {
        print(session, requested, () => `${requested.id}\n`);
        return note(session, goesOn(requested.id));
      }
      note(session, `${printable(instance.name)} as of ${time(point.sealedAt)} (snapshot ${point.uid})`);
      const operation = await follow(session, requested.id);
      const took = Date.parse(operation.finishedAt ?? '') - Date.parse(operation.createdAt);
      print(
        session,
        operation,
        () =>
          `Image ${operation.imageId ?? '-'} is ${printable(instance.name)} as of ${time(point.sealedAt)}: ` +
          `${size(operation.totalBytes)}${Number.isNaN(took) ? '' : `; took ${duration(took)}`}\n`,
      );
    });
}

async function pointOf(session: Session, instance: InstanceView, { point: uid, at }: Options): Promise<SnapshotView> {
  if (uid === undefined && at === undefined) throw new UsageError('An image of when? Give --point or --at');
  if (uid === undefined) return newestUntil(session, instance, at);
  const point = await session.client.snapshot(uid, { signal: session.signal });
  if (point.instanceId !== instance.id) throw new NotFoundError(`snapshot of ${printable(instance.name)}`, uid);
  return point;
}
