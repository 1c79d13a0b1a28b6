// A private MariaDB for OpenStack: no network, nothing flushed, for it only has to last as long as a test.
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { makeFolderFor, servicesAccount } from '../services/account.ts';
import { Daemon } from '../services/daemon.ts';
import { Service } from '../services/service.ts';
import { runAs } from './users.ts';

const DATABASES = ['keystone', 'glance', 'placement', 'nova', 'nova_api', 'nova_cell0'] as const;
export type Database = (typeof DATABASES)[number];

export interface MariaDb {
  readonly service: Service;
  /** For SQLAlchemy. */
  url(database: Database): string;
}

export async function prepareMariaDb(dir: string, logFile: string, password: string): Promise<MariaDb> {
  const account = servicesAccount();
  makeFolderFor(account, dir);
  const data = join(dir, 'data');
  const socket = join(dir, 'sock');
  if (!existsSync(join(dir, 'installed'))) {
    rmSync(data, { recursive: true, force: true });
    const install = ['mariadb-install-db', '--no-defaults', `--datadir=${data}`, '--skip-test-db'];
    await runAs(account, [
      ...install,
      '--auth-root-authentication-method=socket',
      `--auth-root-socket-user=${account.name}`,
    ]);
    writeFileSync(join(dir, 'installed'), '');
  }
  const init = join(dir, 'init.sql');
  writeFileSync(init, initialSql(password));
  const options = [
    '--no-defaults',
    `--datadir=${data}`,
    `--socket=${socket}`,
    '--skip-networking',
    `--pid-file=${join(dir, 'pid')}`,
    `--init-file=${init}`,
    '--max-connections=500',
    '--innodb-buffer-pool-size=256M',
    '--innodb-flush-log-at-trx-commit=0',
    '--innodb-flush-method=nosync',
    '--skip-log-bin',
    '--performance-schema=OFF',
  ];
  const daemon = new Daemon(account, {
    name: 'mariadb',
    argv: ['mariadbd', ...options],
    cwd: dir,
    logFile,
  });
  return {
    service: new Service('mariadb', [daemon], () => greets(socket)),
    url: (database) => `mysql+pymysql://openstack:${password}@localhost/${database}?unix_socket=${socket}&charset=utf8`,
  };
}

const initialSql = (password: string): string =>
  [
    `CREATE USER IF NOT EXISTS openstack@localhost IDENTIFIED BY '${password}';`,
    ...DATABASES.flatMap((name) => [
      `CREATE DATABASE IF NOT EXISTS ${name} CHARACTER SET utf8mb3;`,
      `GRANT ALL ON ${name}.* TO openstack@localhost;`,
    ]),
    '',
  ].join('\n');

/** The server speaks first. */
function greets(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    socket.setTimeout(2000, () => socket.destroy());
    socket.once('data', () => {
      resolve(true);
      socket.destroy();
    });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });
}
