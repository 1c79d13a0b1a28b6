import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { VarveClient } from '@varve/api-client';
import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import { z } from 'zod';
import { UsageError } from './exit-codes.js';
import type { Paint } from './output/colours.js';
import { paintFor } from './output/colours.js';
import type { Terminal } from './terminal.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** What all commands share: where to write, and what the environment says. */
export interface Cli {
  readonly terminal: Terminal;
  readonly env: Environment;
  /** Aborted with an {@link InterruptedError} at Ctrl-C. */
  readonly signal: AbortSignal;
}

/** A command's connection to the API. */
export interface Session {
  readonly client: VarveClient;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  /** Of the results, on standard output. */
  readonly format: Format;
  readonly paint: Paint;
  /** Whether to stay until the operation is over. */
  readonly wait: boolean;
  /** How often to list again; `null`: once. Milliseconds. */
  readonly watchMs: number | null;
}

export type Format = 'text' | 'json' | 'csv';

const Options = z.object({
  url: z.string().optional(),
  token: z.string().optional(),
  tokenFile: z.string().optional(),
  json: z.boolean().default(false),
  csv: z.boolean().default(false),
  /** `true`: as often as is usual. */
  watch: z.union([z.number(), z.boolean()]).optional(),
  wait: z.boolean().default(true),
});

export function addGlobalOptions(program: Command): Command {
  return program
    .option('--url <url>', 'where the API answers (VARVE_URL)')
    .option('--token <token>', 'what it is asked with (VARVE_TOKEN); other users of this machine may see it')
    .option('--token-file <file>', 'a file with the token (VARVE_TOKEN_FILE, else ~/.config/varve/token)')
    .option('--json', 'print results as JSON');
}

/** For what shows things without changing any. */
export const csvOption = (): Option => new Option('--csv', 'print results as CSV (RFC 4180), with a line of names');

const WATCH_S = 2;

/** For what may be looked at for a while. */
export const watchOption = (): Option =>
  new Option('--watch [seconds]', `list again every so often (${WATCH_S}), until q or Ctrl-C`).argParser((text) => {
    const seconds = Number(text);
    if (!(seconds >= 0.1 && seconds <= 86_400)) throw new InvalidArgumentError('seconds, from 0.1 on.');
    return seconds;
  });

/** @throws {UsageError} no address, no token */
export function open(cli: Cli, command: Command): Session {
  const { terminal, env, signal } = cli;
  const options = Options.parse(optionsOf(command));
  const { json, csv, wait, watch } = options;
  const url = urlOf(options, env);
  if (json && csv) throw new UsageError('--json or --csv, not both');
  if (csv && watch) throw new UsageError('A CSV file has an end: --csv does not go with --watch');
  return {
    client: new VarveClient({ url, token: tokenOf(options, env).token }),
    terminal,
    signal,
    format: json ? 'json' : csv ? 'csv' : 'text',
    paint: paintFor(cli),
    wait,
    watchMs: watch ? (watch === true ? WATCH_S : watch) * 1000 : null,
  };
}

/**
 * Where the API is, and the file that a token is kept in: for who has none yet.
 *
 * @throws {UsageError} no address
 */
export function connectionOf({ env }: Cli, command: Command): { readonly url: string; readonly tokenFile: string } {
  const options = Options.parse(optionsOf(command));
  return { url: urlOf(options, env), tokenFile: namedTokenFile(options, env) ?? usualTokenFile(env) };
}

/**
 * What {@link open} asks with.
 *
 * @throws {UsageError} there is none
 */
export const tokenAtHand = ({ env }: Cli, command: Command): Found => tokenOf(Options.parse(optionsOf(command)), env);

interface Found {
  readonly token: string;
  /** That it was read from; `null`: it was given by itself. */
  readonly file: string | null;
  /** Whether that is where `login` keeps one by itself, and nobody else's. */
  readonly isLogins: boolean;
}

function urlOf(options: z.output<typeof Options>, env: Environment): string {
  const url = options.url ?? env['VARVE_URL'];
  if (!url) throw new UsageError('Where is the API? Give --url or set VARVE_URL, e.g. http://127.0.0.1:8780');
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? '')) throw new UsageError(`${url} is not an http address`);
  return url;
}

const namedTokenFile = (options: z.output<typeof Options>, env: Environment): string | undefined =>
  options.tokenFile ?? env['VARVE_TOKEN_FILE'];

const usualTokenFile = (env: Environment): string =>
  join(env['XDG_CONFIG_HOME'] || join(env['HOME'] || homedir(), '.config'), 'varve', 'token');

/**
 * A command's options and those of the commands above it. What was given counts before any default, wherever it was
 * taken up: commander hands `--yes` of `rollback undo … --yes` to `rollback`, which has one too.
 */
export function optionsOf(command: Command): Record<string, unknown> {
  const levels: Command[] = [];
  for (let one: Command | null = command; one; one = one.parent) levels.unshift(one);
  const [given, defaults]: [Record<string, unknown>, Record<string, unknown>] = [{}, {}];
  for (const level of levels) {
    for (const [name, value] of Object.entries(level.opts())) {
      (level.getOptionValueSource(name) === 'default' ? defaults : given)[name] = value;
    }
  }
  return { ...defaults, ...given };
}

function tokenOf(options: z.output<typeof Options>, env: Environment): Found {
  const given = options.token ?? (options.tokenFile ? undefined : env['VARVE_TOKEN']);
  if (given) return { token: given, file: null, isLogins: false };
  const named = namedTokenFile(options, env);
  const file = named ?? usualTokenFile(env);
  let token: string;
  try {
    token = readFileSync(file, 'utf8').trim();
  } catch (error) {
    if (named) throw new UsageError(`The token file ${file} can't be read`, { cause: error });
    throw new UsageError(
      `No token: give --token-file, set VARVE_TOKEN, or write it to ${file}; with Keystone: varve login`,
      { cause: error },
    );
  }
  // A line break in a header would be refused much later and without a word about the file.
  if (!/^[\x21-\x7e]+$/.test(token)) throw new UsageError(`${file} must hold one token and nothing else`);
  return { token, file, isLogins: resolve(file) === resolve(usualTokenFile(env)) };
}
