import type { LiveEvent } from '@varve/api-client';
import type { Command } from 'commander';
import { findInstance } from '../find-instance.js';
import { time } from '../output/human.js';
import { eventLine } from '../output/event.js';
import { note } from '../output/print.js';
import type { Cli, Session } from '../settings.js';
import { open } from '../settings.js';

export function addEvents(program: Command, cli: Cli): void {
  program
    .command('events')
    .description('tell what happens from now on, until Ctrl-C; with --json, one line for each event')
    .option('--instance <instance>', "only this instance's")
    .action(async ({ instance }: { instance?: string }, command: Command) => {
      const session = open(cli, command);
      // The stream is tried again and again, also where there never was one: an API that is not there is told at once.
      await session.client.session(session);
      const instanceId = instance === undefined ? undefined : (await findInstance(session, instance)).id;
      for await (const event of session.client.events({ instanceId }, session)) tell(session, event);
    });
}

function tell(session: Session, event: LiveEvent): void {
  // All of it: what `open` and `away` say of the gaps, a program has to know as well.
  if (session.format === 'json') return void session.terminal.out.write(`${JSON.stringify(event)}\n`);
  switch (event.type) {
    case 'open':
      return note(session, 'Connected. What happened before is not told.');
    case 'away':
      return note(session, 'The connection is lost, and is tried again.');
    case 'operation':
    case 'chain':
    case 'instance':
      session.terminal.out.write(`${time(new Date().toISOString())}  ${eventLine(event)}\n`);
  }
}
