import type { Command, Option } from 'commander';

// What the completions and the manual page are made from: the program's own commands, so that they can't differ from it.

/** A command, and the words that lead to it; none for the program itself. */
export interface Located {
  readonly path: readonly string[];
  readonly command: Command;
}

/** The command and all below it, in the order of the help; what is hidden there is left out. */
export function commandsBelow(command: Command, path: readonly string[] = []): Located[] {
  return [{ path, command }, ...subcommandsOf(command).flatMap((one) => commandsBelow(one, [...path, one.name()]))];
}

export const subcommandsOf = (command: Command): Command[] =>
  command
    .createHelp()
    .visibleCommands(command)
    .filter((one) => one.name() !== 'help');

/** Its own, `--help` last. */
export const optionsOf = (command: Command): Option[] => [...command.createHelp().visibleOptions(command)];

/** Of the program itself: they may stand anywhere. */
export const globalsOf = ({ parent }: Command): Option[] =>
  parent === null ? [] : parent.parent === null ? [...parent.options] : globalsOf(parent);

export const allOptionsOf = (command: Command): Option[] => {
  const all = [...optionsOf(command), ...globalsOf(command)];
  return all.filter((option, at) => all.findIndex(({ long }) => long === option.long) === at);
};

export const longOf = ({ long }: Option): string => long ?? '';

/** Where the next word is the option's, and no other argument. */
export const takesValue = ({ required }: Option): boolean => required;

export const takesFile = ({ flags }: Option): boolean => flags.endsWith('<file>');

/** Where an instance's name is wanted: as the first argument, or as the value of the option of that name. */
export const takesInstance = (command: Command): boolean => command.registeredArguments[0]?.name() === 'instance';
export const isInstanceOption = ({ long }: Option): boolean => long === '--instance';

/** All that occur anywhere, each once. */
export interface Occurring {
  readonly paths: readonly string[];
  readonly withValue: readonly string[];
  readonly withFile: readonly string[];
  readonly withInstance: readonly string[];
  readonly choices: ReadonlyMap<string, readonly string[]>;
  /** Have a value of which nothing can be offered. */
  readonly free: readonly string[];
  readonly pathsToInstance: readonly string[];
}

/** Those that say whom to ask for instances. */
export const CONNECTION = ['--url', '--token', '--token-file'];

export function occurringIn(commands: readonly Located[]): Occurring {
  const options = commands.flatMap(({ command }) => command.options);
  const longs = (which: (option: Option) => boolean): string[] => [...new Set(options.filter(which).map(longOf))];
  const choices = new Map(options.flatMap(({ long, argChoices }) => (long && argChoices ? [[long, argChoices]] : [])));
  const [withValue, withFile, withInstance] = [longs(takesValue), longs(takesFile), longs(isInstanceOption)];
  const offered = new Set([...withFile, ...withInstance, ...choices.keys()]);
  return {
    paths: commands.filter(({ path }) => path.length > 0).map(({ path }) => path.join(' ')),
    withValue,
    withFile,
    withInstance,
    choices,
    free: withValue.filter((long) => !offered.has(long)),
    pathsToInstance: commands.filter(({ command }) => takesInstance(command)).map(({ path }) => path.join(' ')),
  };
}

/** In single quotes, as sh, zsh and bash read them. */
export const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
