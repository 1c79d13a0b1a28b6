import type { Command, Option } from 'commander';
import { commandsBelow } from '../completion/command-tree.js';
import type { Located } from '../completion/command-tree.js';
import { EXIT_CODES } from '../exit-codes.js';
import { argumentsOf, capital, ENVIRONMENT, isRunnable, ownOptionsOf, sentenceOf, valueOf } from './synopsis.js';

/** Of the page; a page without one is not in order. */
const DATE = 'November 23, 2026';

/** The manual page, in the language of mdoc(7). */
export function manPageOf(program: Command): string {
  const commands = commandsBelow(program).filter(({ path, command }) => path.length > 0 && isRunnable(command));
  return `${[
    `.\\" Made by scripts/packaged.sh of the command itself; do not edit.`,
    `.Dd ${DATE}`,
    '.Dt VARVE 1',
    '.Os',
    '.Sh NAME',
    '.Nm varve',
    '.Nd live snapshots and rollback of the system disks of qemu/kvm instances',
    '.Sh SYNOPSIS',
    '.Nm varve',
    '.Op Ar option ...',
    '.Ar command',
    '.Op Ar argument ...',
    '.Sh DESCRIPTION',
    ...text(
      'The command speaks to the HTTP API of Varve. What changes something is followed to its end, unless --no-wait is ' +
        'given. Results go to standard output; progress, questions and errors go to standard error.',
    ),
    '.Pp',
    ...text(
      'An instance is named by its uuid, or by its name where that is unique. Times are RFC 3339, a date and time of day ' +
        'here, or how long ago: 90s, 15m, 2h, 3d. A day alone is its beginning for --from, and its end for --to and --at.',
    ),
    '.Pp',
    'For every command:',
    ...optionList(program),
    '.Sh COMMANDS',
    ...commands.flatMap(sectionOf),
    '.Sh ENVIRONMENT',
    ...tagged(ENVIRONMENT.map(([name, meaning]) => [`Ev ${name}`, meaning])),
    '.Sh FILES',
    ...tagged([['Pa ~/.config/varve/token', 'The token, where nothing else says it. Mode 0600.']]),
    '.Sh EXIT STATUS',
    ...tagged(EXIT_CODES.map(([code, meaning]) => [String(code), `${capital(meaning)}.`])),
    '.Sh EXAMPLES',
    '.Bd -literal -offset indent',
    'varve snapshot create web-1 --name "before the upgrade"',
    'varve rollback web-1 --at 2h',
    'varve instance list --protection failing --csv',
    '.Ed',
  ].join('\n')}\n`;
}

function sectionOf({ path, command }: Located): string[] {
  const words = argumentsOf(command).map((one) => (one.required ? `Ar ${one.name()}` : `Op Ar ${one.name()}`));
  return [
    `.Ss ${path.join(' ')}`,
    '.Nm varve',
    `.Cm ${path.join(' ')}`,
    ...(ownOptionsOf(command).length > 0 ? ['.Op Ar option ...'] : []),
    ...words.map((word) => `.${word}`),
    '.Pp',
    ...text(`${capital(command.description())}.`),
    ...optionList(command),
  ];
}

function optionList(command: Command): string[] {
  const options = ownOptionsOf(command);
  return options.length === 0 ? [] : tagged(options.map((option) => [tagOf(option), sentenceOf(option)]));
}

function tagOf(option: Option): string {
  const value = valueOf(option);
  const flag = `Fl ${(option.long ?? '').slice(1)}`;
  if (value === null) return flag;
  return value.optional ? `${flag} Op Ar ${value.name}` : `${flag} Ar ${value.name}`;
}

const tagged = (items: readonly (readonly [tag: string, meaning: string])[]): string[] => [
  '.Bl -tag -width Ds',
  ...items.flatMap(([tag, meaning]) => [`.It ${tag}`, ...text(meaning)]),
  '.El',
];

/** A sentence a line, so that each gets its space. A line must not begin as a request does. */
const text = (words: string): string[] =>
  words
    .replaceAll('\\', '\\e')
    .replaceAll(/\s+/g, ' ')
    .split(/(?<=[.?!]) (?=[A-Z])/)
    .map((line) => line.replace(/^([.'])/, '\\&$1').replaceAll('~', '\\(ti'));
