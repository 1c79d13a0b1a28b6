import { NotFoundError, ReportedError } from '@varve/core';
import type { Command } from 'commander';
import { Option } from 'commander';
import { confirm } from '../confirm.js';
import { UsageError } from '../exit-codes.js';
import { findInstance } from '../find-instance.js';
import { finishRollback } from '../finish-rollback.js';
import { time } from '../output/human.js';
import { warningFor } from '../output/plan.js';
import { note } from '../output/print.js';
import { parseUntil } from '../parse-time.js';
import { newestUntil, planFor } from '../restore-point.js';
import type { Cli } from '../settings.js';
import { open } from '../settings.js';
import { didYouMean, similarTo } from '../similar.js';
import { printable } from '../terminal.js';

interface Options {
  readonly to?: string;
  readonly at?: string;
  readonly yes: boolean;
}

/** @returns the command itself, for its subcommands; an instance that is called as one of them goes by its uuid */
export function addRollback(program: Command, cli: Cli): Command {
  return (
    program
      .command('rollback')
      .description("put an instance's system disk back to a point in time; the instance is stopped and started")
      .argument('<instance>', 'uuid, or name where it is unique')
      .addOption(new Option('--to <snapshot>', "the snapshot's uid").conflicts('at'))
      .option('--at <time>', 'the newest restore point that is not younger', (text) => parseUntil(text))
      .option('--yes', 'do not ask', false)
      .option('--no-wait', 'only ask for it')
      // Told below, where it is known what was meant.
      .allowExcessArguments()
      .action(async (named: string, { to, at, yes }: Options, command: Command) => {
        const [, ...others] = command.args;
        const meant = didYouMean(
          similarTo(
            named,
            command.commands.map((one) => one.name()),
          ),
        );
        if (others.length > 0)
          throw new UsageError(`rollback takes one instance, not also ${others.join(' ')}${meant}`);
        if (to === undefined && at === undefined) throw new UsageError(`Back to where? Give --to or --at${meant}`);
        const session = open(cli, command);
        const { client, signal } = session;
        const instance = await findInstance(session, named);
        // Asked for before the confirmation, so that exactly what was confirmed is done.
        const point =
          to === undefined ? await newestUntil(session, instance, at) : await client.snapshot(to, { signal });
        if (point.instanceId !== instance.id) {
          throw new NotFoundError(`snapshot of ${printable(instance.name)}`, point.uid);
        }

        if (!yes) {
          const plan = await planFor(session, instance, { to: point.uid });
          if (plan.refusal) throw new ReportedError(plan.refusal);
          await confirm(session, instance, yes, warningFor(instance, plan));
        }
        const requested = await client.createRollback(instance.id, { snapshotUid: point.uid }, { signal });
        note(session, `${printable(instance.name)} goes back to ${time(point.sealedAt)} (snapshot ${point.uid})`);
        await finishRollback(session, requested, `${printable(instance.name)} is back at ${time(point.sealedAt)}`);
      })
  );
}
