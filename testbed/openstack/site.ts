// What the configuration files of the components have in common.
import { chownSync, closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Account } from '../services/account.ts';
import type { Ini } from './ini.ts';
import type { Database } from './mariadb.ts';
import type { Settings } from './settings.ts';

export class Site {
  readonly dir: string;
  readonly id: string;
  readonly ports: Settings['ports'];
  readonly passwords: Settings['passwords'];
  readonly databaseUrl: (database: Database) => string;
  /** In oslo.messaging's form. */
  readonly transportUrl: string;
  readonly region = 'RegionOne';

  constructor(dir: string, settings: Settings, databaseUrl: (database: Database) => string, amqpUrl: string) {
    this.dir = dir;
    this.id = settings.id;
    this.ports = settings.ports;
    this.passwords = settings.passwords;
    this.databaseUrl = databaseUrl;
    this.transportUrl = amqpUrl.replace(/^amqp:/, 'rabbit:');
  }

  get authUrl(): string {
    return `http://127.0.0.1:${this.ports.keystone}/v3`;
  }

  /** A log file of that name that the user may append to. */
  log(user: Account, name: string): string {
    const file = join(this.dir, 'log', `${name}.log`);
    closeSync(openSync(file, 'a', 0o644));
    chownSync(file, user.uid, user.gid);
    return file;
  }

  /** How a component says to Keystone (and to its siblings) who it is. */
  credentials(user: string): Record<string, string> {
    return {
      auth_url: this.authUrl,
      auth_type: 'password',
      user_domain_id: 'default',
      project_domain_id: 'default',
      project_name: 'service',
      username: user,
      password: this.passwords.service,
    };
  }

  /** How a component checks its callers' tokens. */
  authtoken(user: string): Ini {
    return { keystone_authtoken: { www_authenticate_uri: this.authUrl, ...this.credentials(user) } };
  }
}
