import type { Command } from 'commander';
import { commandsBelow } from '../completion/command-tree.js';
import type { Located } from '../completion/command-tree.js';
import { EXIT_CODES } from '../exit-codes.js';
import { argumentsOf, capital, ENVIRONMENT, isRunnable, ownOptionsOf, sentenceOf } from './synopsis.js';

/** All commands and options, for the documentation. */
export function markdownOf(program: Command): string {
  const commands = commandsBelow(program).filter(({ path, command }) => path.length > 0 && isRunnable(command));
  return [
    '# varve(1)',
    `${program.description()} The same as \`man varve\`, made of the command itself.`,
    '## For every command',
    optionsTable(program),
    '## Commands',
    ...commands.map(sectionOf),
    '## Environment',
    ['| | |', '| --- | --- |', ...ENVIRONMENT.map(([name, meaning]) => `| \`${name}\` | ${meaning} |`)].join('\n'),
    '## Exit codes',
    ['| | |', '| --- | --- |', ...EXIT_CODES.map(([code, meaning]) => `| ${code} | ${meaning} |`)].join('\n'),
    '',
  ].join('\n\n');
}

function sectionOf({ path, command }: Located): string {
  const words = argumentsOf(command).map((one) => (one.required ? `<${one.name()}>` : `[${one.name()}]`));
  const usage = `\`\`\`sh\nvarve ${[...path, ...words].join(' ')}\n\`\`\``;
  const of = argumentsOf(command).map((one) => `\`${one.name()}\`: ${one.description}.`);
  const parts = [`### ${path.join(' ')}`, `${capital(command.description())}.`, usage, ...of, optionsTable(command)];
  return parts.filter((part) => part !== '').join('\n\n');
}

function optionsTable(command: Command): string {
  const options = ownOptionsOf(command);
  if (options.length === 0) return '';
  const rows = options.map((option) => `| \`${option.flags.replaceAll('|', '\\|')}\` | ${sentenceOf(option)} |`);
  return ['| option | |', '| --- | --- |', ...rows].join('\n');
}
