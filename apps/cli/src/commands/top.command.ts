import { ApiError } from '@varve/api-client';
import type { OperationView } from '@varve/contracts';
import type { Command } from 'commander';
import { Option } from 'commander';
import { UsageError } from '../exit-codes.js';
import { live } from '../output/screen.js';
import { Top } from '../output/top.js';
import type { Cli, Session } from '../settings.js';
import { open } from '../settings.js';
import { take } from '../take.js';

/** More are running than anybody can read; the rest is counted. */
const MOST = 200;

export function addTop(program: Command, cli: Cli): void {
  program
    .command('top')
    .description('show what runs now, live; q or Ctrl-C ends')
    .addOption(new Option('--every <seconds>', 'how often to look').default(1).argParser(Number))
    .action(async ({ every }: { every: number }, command: Command) => {
      const session = open(cli, command);
      if (!(every >= 0.2 && every <= 3600)) throw new UsageError('--every takes seconds, from 0.2 on');
      if (session.terminal.out.isTTY !== true || session.format === 'json') {
        throw new UsageError(
          'top needs a terminal; elsewhere: varve operation list --active, also with --watch --json',
        );
      }
      const top = new Top(session.paint);
      await live(session, every * 1000, async () => {
        const { rows, more } = await take(session.client.operations({ active: true, limit: MOST + 1 }, session), MOST);
        const over = await Promise.all(top.missing(rows).map((id) => end(session, id)));
        return top.frame(rows, { over: over.filter((one) => one !== null), more }, Date.now());
      });
    });
}

/** How one stands that is not running any more; `null`: it is gone, with its instance. */
async function end({ client, signal }: Session, id: string): Promise<OperationView | null> {
  try {
    return await client.operation(id, { signal });
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}
