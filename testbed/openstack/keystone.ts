// Keystone: its configuration, its schema and keys, and the first administrator.
import { join } from 'node:path';
import type { Service } from '../services/service.ts';
import { renderIni } from './ini.ts';
import { ownFolder, runAs, systemUser, writeFor } from './users.ts';
import { wsgiService } from './wsgi.ts';
import type { Site } from './site.ts';

export interface Component {
  readonly services: readonly Service[];
  /** Once for a state folder, with the database up. */
  setUp(): Promise<void>;
}

export function prepareKeystone(site: Site): Component {
  const user = systemUser('keystone');
  const dir = ownFolder(user, join(site.dir, 'keystone'));
  const conf = join(dir, 'keystone.conf');
  const keys = {
    fernet_tokens: { key_repository: join(dir, 'fernet-keys') },
    credential: { key_repository: join(dir, 'credential-keys') },
  };
  for (const { key_repository } of Object.values(keys)) ownFolder(user, key_repository, 0o700);
  const sections = { database: { connection: site.databaseUrl('keystone') }, token: { provider: 'fernet' }, ...keys };
  writeFor(user, conf, renderIni({ DEFAULT: { log_file: site.log(user, 'keystone-api') }, ...sections }));
  const manage = (...args: string[]): Promise<void> => runAs(user, ['keystone-manage', '--config-file', conf, ...args]);
  const asKeystone = ['--keystone-user', 'keystone', '--keystone-group', 'keystone'];
  return {
    services: [
      wsgiService({
        name: 'keystone',
        user,
        script: 'keystone-wsgi-public',
        port: site.ports.keystone,
        processes: 2,
        threads: 2,
        dir,
        logFile: site.log(user, 'keystone'),
        env: { OS_KEYSTONE_CONFIG_DIR: dir },
      }),
    ],
    async setUp() {
      await manage('db_sync');
      await manage('fernet_setup', ...asKeystone);
      await manage('credential_setup', ...asKeystone);
      const urls = ['public', 'internal', 'admin'].flatMap((kind) => [`--bootstrap-${kind}-url`, site.authUrl]);
      const admin = ['--bootstrap-password', site.passwords.admin, '--bootstrap-region-id', site.region];
      await manage('bootstrap', ...admin, ...urls);
    },
  };
}
