// A private PostgreSQL cluster from Debian's binaries, on one loopback port.
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { makeFolderFor, type Account } from './account.ts';
import { Daemon } from './daemon.ts';
import { startTimeOf } from './process-table.ts';
import { Service } from './service.ts';

const PASSWORD = 'varve';

export interface Postgres {
  readonly service: Service;
  /** Of the database `varve`, as the superuser `varve`. */
  readonly url: string;
  /** Makes an empty database and gives its url. */
  createDatabase(name: string): Promise<string>;
}

/** Debian keeps each major version's binaries apart and off the PATH. */
function binaries(): string {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  const newest = versions.find((version) => existsSync(join(root, version, 'bin/postgres')));
  if (!newest) throw new Error('no PostgreSQL server below /usr/lib/postgresql: run scripts/setup.sh');
  return join(root, newest, 'bin');
}

export async function preparePostgres(account: Account, dir: string, port: number): Promise<Postgres> {
  const bin = binaries();
  const data = join(dir, 'data');
  makeFolderFor(account, dir);
  if (!existsSync(join(data, 'PG_VERSION'))) initialise(account, bin, dir, data);
  forgetDeadPostmaster(data);

  const daemon = new Daemon(account, {
    name: 'postgres',
    argv: [
      join(bin, 'postgres'),
      '-D',
      data,
      '-p',
      String(port),
      '-c',
      'listen_addresses=127.0.0.1',
      '-c',
      'unix_socket_directories=',
      '-c',
      'max_connections=200',
      '-c',
      'shared_buffers=32MB',
      // It survives the death of the process, not of the machine: this is nobody's only copy of anything.
      '-c',
      'fsync=off',
      '-c',
      'full_page_writes=off',
    ],
    cwd: dir,
    logFile: join(dir, 'postgres.log'),
    stopSignal: 'SIGINT',
    ownsChildren: true,
  });
  const urlOf = (database: string): string => `postgresql://varve:${PASSWORD}@127.0.0.1:${port}/${database}`;
  const sql = async (database: string, text: string): Promise<number> => {
    const client = new Client({ connectionString: urlOf(database), connectionTimeoutMillis: 5000 });
    client.on('error', (error) => console.error(`postgres: ${error.message}`));
    await client.connect();
    try {
      return (await client.query(text)).rowCount ?? 0;
    } finally {
      await client.end();
    }
  };
  const createDatabase = async (name: string): Promise<string> => {
    if (!/^[a-z_][a-z0-9_]{0,62}$/.test(name)) throw new Error(`not a plain database name: ${name}`);
    await sql('postgres', `CREATE DATABASE ${name}`);
    return urlOf(name);
  };
  const service = new Service('postgres', [daemon], async () => {
    if ((await sql('postgres', `SELECT FROM pg_database WHERE datname = 'varve'`)) === 0) await createDatabase('varve');
    return true;
  });
  return { service, url: urlOf('varve'), createDatabase };
}

function initialise(account: Account, bin: string, dir: string, data: string): void {
  mkdirSync(data, { recursive: true });
  const passwordFile = join(dir, 'password');
  writeFileSync(passwordFile, `${PASSWORD}\n`, { mode: 0o600 });
  if (process.getuid?.() === 0) for (const path of [data, passwordFile]) chownSync(path, account.uid, account.gid);
  chmodSync(data, 0o700);
  const [command, ...args] = [
    ...account.drop,
    join(bin, 'initdb'),
    '-D',
    data,
    '-U',
    'varve',
    `--pwfile=${passwordFile}`,
    '--auth-local=trust',
    '--auth-host=scram-sha-256',
    '-E',
    'UTF8',
    '--locale=C.UTF-8',
    '--data-checksums',
    '-N',
  ];
  execFileSync(command, args, { cwd: dir, stdio: 'pipe' });
}

/** PostgreSQL takes a killed predecessor that nobody has reaped yet (a zombie) for a running one. */
function forgetDeadPostmaster(data: string): void {
  const file = join(data, 'postmaster.pid');
  if (existsSync(file) && startTimeOf(Number.parseInt(readFileSync(file, 'utf8'), 10)) === null) rmSync(file);
}
