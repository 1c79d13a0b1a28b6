import { RollbackPlanView } from '@varve/contracts';
import type { Command } from 'commander';
import { Option } from 'commander';
import { UsageError } from '../exit-codes.js';
import { findInstance } from '../find-instance.js';
import { planFacts } from '../output/plan.js';
import { show } from '../output/print.js';
import { parseUntil } from '../parse-time.js';
import type { Cli } from '../settings.js';
import { csvOption, open, optionsOf } from '../settings.js';
import { planFor } from '../restore-point.js';

export function addRollbackPlan(parent: Command, cli: Cli): void {
  parent
    .command('plan')
    .description('say what a rollback would do; does nothing')
    .argument('<instance>', 'uuid, or name where it is unique')
    .addOption(new Option('--to <snapshot>', "the snapshot's uid").conflicts('at'))
    .option('--at <time>', 'the newest restore point that is not younger', (text) => parseUntil(text))
    .addOption(csvOption())
    .action(async (named: string, _options: unknown, command: Command) => {
      // `rollback` has both as well, and commander may have handed them there.
      const { to, at } = optionsOf(command) as { to?: string; at?: string };
      if ((to === undefined) === (at === undefined)) throw new UsageError('Back to where? Give --to or --at');
      const session = open(cli, command);
      const instance = await findInstance(session, named);
      const plan = await planFor(session, instance, { to, at });
      show(session, RollbackPlanView, plan, () => planFacts(instance, plan));
    });
}
