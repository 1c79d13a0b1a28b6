import type { Command } from 'commander';
import { bashCompletionOf } from '../completion/bash.js';
import { fishCompletionOf } from '../completion/fish.js';
import { zshCompletionOf } from '../completion/zsh.js';
import { manPageOf } from '../manual/man-page.js';
import type { Cli } from '../settings.js';
import { open } from '../settings.js';

const SHELLS = [
  { name: 'bash', scriptOf: bashCompletionOf, use: 'source <(varve completion bash)' },
  { name: 'zsh', scriptOf: zshCompletionOf, use: 'source <(varve completion zsh), or as a file _varve in $fpath' },
  { name: 'fish', scriptOf: fishCompletionOf, use: 'varve completion fish | source' },
];

export function addCompletion(program: Command, cli: Cli): void {
  const completion = program.command('completion').description('completion for a shell');
  for (const { name, scriptOf, use } of SHELLS) {
    completion
      .command(name)
      .description(`print the script for ${name}; use: ${use}`)
      .action(() => {
        cli.terminal.out.write(scriptOf(program));
      });
  }

  // For packagers: `scripts/packaged.sh`.
  completion.command('man', { hidden: true }).action(() => {
    cli.terminal.out.write(manPageOf(program));
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
