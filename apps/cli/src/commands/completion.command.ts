import type { Command } from 'commander';
import { bashCompletionOf } from '../output/bash-completion.js';
import type { Cli } from '../settings.js';
import { open } from '../settings.js';

export function addCompletion(program: Command, cli: Cli): void {
  const completion = program.command('completion').description('completion for a shell');
  completion
    .command('bash')
    .description('print the script for bash; use: source <(varve completion bash)')
    .action(() => {
      cli.terminal.out.write(bashCompletionOf(program));
    });

  // What the script asks for while somebody waits at the prompt: once, quickly, or not at all.
  completion.command('instances', { hidden: true }).action(async (_options: unknown, command: Command) => {
    const { client } = open(cli, command);
    const signal = AbortSignal.any([cli.signal, AbortSignal.timeout(2_000)]);
    for await (const { name, id } of client.instances({ limit: 1000 }, { signal })) {
      cli.terminal.out.write(/^[\w.+@-]+$/.test(name) ? `${name}\n` : `${id}\n`);
    }
  });
}
