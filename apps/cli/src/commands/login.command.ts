import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { VarveClient } from '@varve/api-client';
import type { LoginView } from '@varve/contracts';
import { ProjectIdSchema } from '@varve/contracts';
import type { Command } from 'commander';
import { UsageError } from '../exit-codes.js';
import { time } from '../output/human.js';
import { note } from '../output/print.js';
import type { Cli } from '../settings.js';
import { connectionOf, open, tokenAtHand } from '../settings.js';
import { didYouMean, similarTo } from '../similar.js';
import { askSecret, isInteractive, printable } from '../terminal.js';

type Credentials = Parameters<VarveClient['login']>[0];

interface Options {
  readonly user?: string;
  readonly domain?: string;
  readonly project?: string;
  readonly applicationCredential?: string;
}

/** Where there is Keystone. What is secret is never on the command line, where others of the machine see it. */
export function addLogin(program: Command, cli: Cli): void {
  program
    .command('login')
    .description('get a token from Keystone and keep it for the commands that follow; see logout')
    .option('--user <name>', 'with a password, which is asked for (OS_USERNAME, OS_PASSWORD)')
    .option('--domain <name>', 'of the user and the project (OS_USER_DOMAIN_NAME)')
    .option(
      '--project <name>',
      'without: your default one (OS_PROJECT_NAME); given alone, the token at hand is changed for one of that project',
    )
    .option(
      '--application-credential <id>',
      'with its secret, which is asked for (OS_APPLICATION_CREDENTIAL_ID, OS_APPLICATION_CREDENTIAL_SECRET)',
    )
    .action(async (options: Options, command: Command) => {
      const { url, tokenFile } = connectionOf(cli, command);
      const client = new VarveClient({ url, token: '' });
      const change = (to: string): Promise<Credentials> =>
        changeTo(to, client, tokenAtHand(cli, command).token, cli.signal);
      const request = await requestOf(cli, options, change);
      const { token, session, userName, projectName } = await client.login(request, cli);
      mkdirSync(dirname(tokenFile), { recursive: true, mode: 0o700 });
      writeFileSync(tokenFile, `${token}\n`, { mode: 0o600 });
      // A file that was there already keeps its mode.
      chmodSync(tokenFile, 0o600);
      const end = session.expiresAt === null ? '' : ` until ${time(session.expiresAt)}`;
      note(
        cli,
        `Logged in as ${userName ?? session.userId}, project ${projectName ?? session.projectId}${end}.\n` +
          `The token is in ${tokenFile}.`,
      );
      if (cli.env['VARVE_TOKEN']) note(cli, 'VARVE_TOKEN is set and counts before it: unset it to use this one.');
    });

  program
    .command('logout')
    .description(
      "revoke the token, and delete it where login keeps it; without Keystone, one of the API's tokens file goes on",
    )
    .action(async (_options: unknown, command: Command) => {
      const session = open(cli, command);
      const { client, signal } = session;
      const { file, isLogins } = tokenAtHand(cli, command);
      // The answer to the log-out is the same for both.
      const { identity } = await client.about({ signal });
      await client.logout({ signal });
      if (identity === 'static') {
        return note(
          session,
          "Nothing was revoked or deleted: this is a token of the API's tokens file, and counts until it is taken out there.",
        );
      }
      if (file === null) return note(session, 'The token is revoked. It was given by itself; no file was deleted.');
      if (!isLogins) return note(session, `The token is revoked. ${file}, which was named for it, is left as it is.`);
      rmSync(file, { force: true });
      note(session, `The token is revoked, and ${file} is deleted.`);
    });
}

/** @param change - makes the request of one who says nothing but another project */
async function requestOf(
  cli: Cli,
  { user, domain, project, applicationCredential }: Options,
  change: (project: string) => Promise<Credentials>,
): Promise<Credentials> {
  const { env } = cli;
  const id = applicationCredential ?? (user === undefined ? env['OS_APPLICATION_CREDENTIAL_ID'] : undefined);
  if (id)
    return {
      method: 'application_credential',
      id,
      secret: await secretOf(cli, 'Secret', 'OS_APPLICATION_CREDENTIAL_SECRET'),
    };
  const name = user ?? env['OS_USERNAME'];
  if (!name && project !== undefined) return change(project);
  if (!name) {
    throw new UsageError(
      'Who? Give --user or --application-credential, or set OS_USERNAME; or --project alone, with a token at hand',
    );
  }
  const ofDomain = domain ?? env['OS_USER_DOMAIN_NAME'] ?? 'Default';
  const ofProject = project ?? env['OS_PROJECT_NAME'];
  return {
    method: 'password',
    user: name,
    domain: ofDomain,
    password: await secretOf(cli, 'Password', 'OS_PASSWORD'),
    ...(ofProject && { project: ofProject, projectDomain: env['OS_PROJECT_DOMAIN_NAME'] ?? ofDomain }),
  };
}

/** With one token for another: its user has to be in that project. */
async function changeTo(
  project: string,
  client: VarveClient,
  token: string,
  signal: AbortSignal,
): Promise<Credentials> {
  const { projects } = await client.login({ method: 'token', token }, { signal });
  return { method: 'token', token, projectId: projectIn(projects, project) };
}

/**
 * @param named - a project's id, or its name where that is the only one of it
 * @throws {UsageError} several have the name, or none has
 */
function projectIn(projects: LoginView['projects'], named: string): string {
  const byId = projects.find(({ id }) => id === named);
  if (byId) return byId.id;
  const [first, ...others] = projects.filter(({ name }) => name === named);
  if (first && others.length === 0) return first.id;
  if (first) {
    const which = [first, ...others].map(({ id }) => `  ${id}`).join('\n');
    throw new UsageError(`${others.length + 1} of your projects are called ${named}; give one's id:\n${which}`);
  }
  // Where it is not known which there are, as without Keystone, an id may be right all the same.
  if (projects.length === 0 && ProjectIdSchema.safeParse(named).success) return named;
  const similar = similarTo(
    named,
    projects.map(({ name }) => name),
  );
  throw new UsageError(`You are in no project ${named}${didYouMean(similar.map(printable))}`);
}

async function secretOf({ env, terminal, signal }: Cli, what: string, variable: string): Promise<string> {
  const given = env[variable];
  if (given) return given;
  if (!isInteractive(terminal)) throw new UsageError(`There is nobody to ask: set ${variable}`);
  const typed = await askSecret(terminal, `${what}: `);
  signal.throwIfAborted();
  if (typed === '') throw new UsageError('Nothing was typed');
  return typed;
}
