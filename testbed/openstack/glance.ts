// Glance, with its images in a folder.
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderIni } from './ini.ts';
import type { Component } from './keystone.ts';
import type { Site } from './site.ts';
import { ownFolder, runAs, systemUser, writeFor } from './users.ts';
import { wsgiService } from './wsgi.ts';

export function prepareGlance(site: Site): Component {
  const user = systemUser('glance');
  const dir = ownFolder(user, join(site.dir, 'glance'));
  const conf = join(dir, 'glance-api.conf');
  const folder = (name: string): { filesystem_store_datadir: string } => ({
    filesystem_store_datadir: `${ownFolder(user, join(dir, name))}/`,
  });
  copyFileSync('/usr/share/glance-common/glance-api-paste.ini', join(dir, 'glance-api-paste.ini'));
  const sections = {
    DEFAULT: {
      log_file: site.log(user, 'glance-api'),
      enabled_backends: 'fs:file',
      worker_self_reference_url: `http://127.0.0.1:${site.ports.glance}`,
      transport_url: site.transportUrl,
    },
    database: { connection: site.databaseUrl('glance') },
    glance_store: { default_backend: 'fs' },
    fs: folder('images'),
    os_glance_tasks_store: folder('tasks'),
    os_glance_staging_store: folder('staging'),
    paste_deploy: { flavor: 'keystone' },
    oslo_messaging_notifications: { driver: 'messagingv2', topics: 'notifications' },
    oslo_concurrency: { lock_path: ownFolder(user, join(dir, 'locks')) },
    ...site.authtoken('glance'),
  };
  writeFor(user, conf, renderIni(sections));
  return {
    services: [
      wsgiService({
        name: 'glance',
        user,
        script: 'glance-wsgi-api',
        port: site.ports.glance,
        processes: 1,
        threads: 4,
        chunked: true,
        dir,
        logFile: site.log(user, 'glance'),
        env: { OS_GLANCE_CONFIG_DIR: dir },
      }),
    ],
    setUp: () => runAs(user, ['glance-manage', '--config-file', conf, 'db_sync']),
  };
}
