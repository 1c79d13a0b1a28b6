import type { Argument, Command, Option } from 'commander';
import { globalsOf, longOf, optionsOf } from '../completion/command-tree.js';

// What the manual page and the page of the documentation have in common.

/** What a command has of its own; `--help` has every one. */
export function ownOptionsOf(command: Command): Option[] {
  const others = new Set(['--help', ...(command.parent === null ? [] : globalsOf(command).map(longOf))]);
  return optionsOf(command).filter((option) => !others.has(longOf(option)));
}

/** `--quiesce <how>` without the flag: `how`, and whether it may be left out; `null`: there is no value. */
export function valueOf({ flags }: Option): { name: string; optional: boolean } | null {
  const [, bracket, name = ''] = /([<[])([^>\]]*)[>\]]/.exec(flags) ?? [];
  return bracket === undefined ? null : { name, optional: bracket === '[' };
}

/** A sentence with its choices and its default. */
export function sentenceOf({ description, argChoices, defaultValue }: Option): string {
  const choices = argChoices ? ` One of ${argChoices.join(', ')}.` : '';
  const shown = typeof defaultValue === 'string' || (typeof defaultValue === 'number' && Number.isFinite(defaultValue));
  return `${capital(description)}.${choices}${shown ? ` Default: ${String(defaultValue)}.` : ''}`;
}

export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

export const argumentsOf = (command: Command): readonly Argument[] => command.registeredArguments;

/** Does something by itself, and not by its subcommands alone. */
export const isRunnable = (command: Command): boolean =>
  command.commands.length === 0 || command.registeredArguments.length > 0 || ownOptionsOf(command).length > 0;

/** Names and meanings; said once, for all commands. */
export const ENVIRONMENT: readonly (readonly [name: string, meaning: string])[] = [
  ['VARVE_URL', 'Where the API answers, unless --url says it.'],
  ['VARVE_TOKEN', 'What it is asked with, unless --token or --token-file says it.'],
  ['VARVE_TOKEN_FILE', 'A file that holds the token; else ~/.config/varve/token.'],
  ['NO_COLOR', 'Anything but an empty text: no colours. There are none either where the output is no terminal.'],
];
