import { SessionView } from '@varve/contracts';
import type { Command } from 'commander';
import { text, time, yes } from '../output/human.js';
import { show } from '../output/print.js';
import { facts } from '../output/table.js';
import type { Cli } from '../settings.js';
import { csvOption, open } from '../settings.js';

export function addWhoami(program: Command, cli: Cli): void {
  program
    .command('whoami')
    .description('say whose token it is, and what it may')
    .addOption(csvOption())
    .action(async (_options: unknown, command: Command) => {
      const session = open(cli, command);
      const { client, signal } = session;
      const [who, { version }] = await Promise.all([client.session({ signal }), client.about({ signal })]);
      show(session, SessionView, who, () =>
        facts([
          ['User', who.userId],
          ['Project', who.projectId],
          ['Roles', text(who.roles.join(', '))],
          ['Ends', who.expiresAt === null ? 'not by itself' : time(who.expiresAt)],
          ['All projects', yes(who.allProjects)],
          ['May', text(who.may.join(', '))],
          ['API', version],
        ]),
      );
    });
}
