// Placement, without which Nova's scheduler finds no host.
import { join } from 'node:path';
import { renderIni } from './ini.ts';
import type { Component } from './keystone.ts';
import type { Site } from './site.ts';
import { ownFolder, runAs, systemUser, writeFor } from './users.ts';
import { wsgiService } from './wsgi.ts';

export function preparePlacement(site: Site): Component {
  const user = systemUser('placement');
  const dir = ownFolder(user, join(site.dir, 'placement'));
  const conf = join(dir, 'placement.conf');
  const sections = {
    DEFAULT: { log_file: site.log(user, 'placement-api') },
    api: { auth_strategy: 'keystone' },
    placement_database: { connection: site.databaseUrl('placement') },
    ...site.authtoken('placement'),
  };
  writeFor(user, conf, renderIni(sections));
  return {
    services: [
      wsgiService({
        name: 'placement',
        user,
        script: 'placement-api',
        port: site.ports.placement,
        processes: 1,
        threads: 2,
        dir,
        logFile: site.log(user, 'placement'),
        env: { OS_PLACEMENT_CONFIG_DIR: dir },
      }),
    ],
    setUp: () => runAs(user, ['placement-manage', '--config-file', conf, 'db', 'sync']),
  };
}
