import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { VarveClient } from '@varve/api-client';
import type { Login } from '@varve/contracts';
import type { Command } from 'commander';
import { UsageError } from '../exit-codes.js';
import { time } from '../output/human.js';
import type { Cli } from '../settings.js';
import { connectionOf, open } from '../settings.js';
import { askSecret, isInteractive } from '../terminal.js';

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
    .option('--project <name>', 'without: your default one (OS_PROJECT_NAME)')
    .option(
      '--application-credential <id>',
      'with its secret, which is asked for (OS_APPLICATION_CREDENTIAL_ID, OS_APPLICATION_CREDENTIAL_SECRET)',
    )
    .action(async (options: Options, command: Command) => {
      const { url, tokenFile } = connectionOf(cli, command);
      const client = new VarveClient({ url, token: '' });
      const { token, session, userName, projectName } = await client.login(await requestOf(cli, options), cli);
      mkdirSync(dirname(tokenFile), { recursive: true, mode: 0o700 });
      writeFileSync(tokenFile, `${token}\n`, { mode: 0o600 });
      // A file that was there already keeps its mode.
      chmodSync(tokenFile, 0o600);
      const end = session.expiresAt === null ? '' : ` until ${time(session.expiresAt)}`;
      cli.terminal.err.write(
        `Logged in as ${userName ?? session.userId}, project ${projectName ?? session.projectId}${end}.\n` +
          `The token is in ${tokenFile}.\n`,
      );
    });

  program
    .command('logout')
    .description('revoke the token, and forget the one that login has kept')
    .action(async (_options: unknown, command: Command) => {
      const { client, signal } = open(cli, command);
      await client.logout({ signal });
      rmSync(connectionOf(cli, command).tokenFile, { force: true });
    });
}

async function requestOf(cli: Cli, { user, domain, project, applicationCredential }: Options): Promise<Login> {
  const { env } = cli;
  const id = applicationCredential ?? (user === undefined ? env['OS_APPLICATION_CREDENTIAL_ID'] : undefined);
  if (id)
    return {
      method: 'application_credential',
      id,
      secret: await secretOf(cli, 'Secret', 'OS_APPLICATION_CREDENTIAL_SECRET'),
    };
  const name = user ?? env['OS_USERNAME'];
  if (!name) throw new UsageError('Who? Give --user or --application-credential, or set OS_USERNAME');
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

async function secretOf({ env, terminal, signal }: Cli, what: string, variable: string): Promise<string> {
  const given = env[variable];
  if (given) return given;
  if (!isInteractive(terminal)) throw new UsageError(`There is nobody to ask: set ${variable}`);
  const typed = await askSecret(terminal, `${what}: `);
  signal.throwIfAborted();
  if (typed === '') throw new UsageError('Nothing was typed');
  return typed;
}
