// Nova: API, conductor, scheduler and the compute service of the only host.
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { Daemon } from '../services/daemon.ts';
import { Service } from '../services/service.ts';
import { renderIni, type Ini } from './ini.ts';
import type { Component } from './keystone.ts';
import type { Site } from './site.ts';
import { ownFolder, runAs, systemUser, writeFor } from './users.ts';
import { wsgiService } from './wsgi.ts';

export const HOST = 'compute-1';
export const LIBVIRT_URI = 'qemu:///system';

export interface Nova extends Component {
  readonly instancesDir: string;
  /** Tells Nova's cell of a host that has registered itself. */
  discoverHosts(): Promise<void>;
}

export function prepareNova(site: Site): Nova {
  const user = systemUser('nova');
  const dir = ownFolder(user, join(site.dir, 'nova'));
  const conf = join(dir, 'nova.conf');
  const instancesDir = ownFolder(user, join(dir, 'instances'));
  for (const name of ['tmp', 'keys']) ownFolder(user, join(dir, name));
  copyFileSync('/usr/share/nova-common/api-paste.ini', join(dir, 'api-paste.ini'));
  writeFor(user, conf, renderIni(configuration(site, dir, instancesDir)));
  const manage = (...args: string[]): Promise<void> => runAs(user, ['nova-manage', '--config-file', conf, ...args]);

  const daemon = (name: string): Service => {
    const logFile = site.log(user, `${name}-output`);
    const argv = [`/usr/bin/${name}`, '--config-file', conf, '--log-file', site.log(user, name)];
    // They say nothing that one could ask: whether they are up is seen in Nova's list of services.
    return new Service(name, [new Daemon(user, { name, argv, env: { HOME: dir }, cwd: dir, logFile })], () =>
      Promise.resolve(true),
    );
  };
  const api = wsgiService({
    name: 'nova-api',
    user,
    script: 'nova-api-wsgi',
    port: site.ports.nova,
    processes: 2,
    // More would share one hub of eventlet.
    threads: 1,
    dir,
    logFile: site.log(user, 'nova-api'),
    env: { OS_NOVA_CONFIG_DIR: dir },
  });
  return {
    instancesDir,
    services: [daemon('nova-conductor'), daemon('nova-scheduler'), daemon('nova-compute'), api],
    async setUp() {
      await Promise.all([manage('api_db', 'sync'), manage('db', 'sync', '--local_cell')]);
      await manage('cell_v2', 'map_cell0', '--database_connection', site.databaseUrl('nova_cell0'));
      await manage('db', 'sync');
      await runAs(user, ['nova-manage', '--config-file', conf, 'cell_v2', 'create_cell', '--name', 'cell1'], [0, 2]);
    },
    discoverHosts: () => manage('cell_v2', 'discover_hosts'),
  };
}

function configuration(site: Site, dir: string, instancesDir: string): Ini {
  const credentials = site.credentials('nova');
  return {
    DEFAULT: {
      host: HOST,
      my_ip: '127.0.0.1',
      state_path: dir,
      instance_name_template: `instance-${site.id}-%08x`,
      instances_path: instancesDir,
      transport_url: site.transportUrl,
      compute_driver: 'libvirt.LibvirtDriver',
      reserved_host_memory_mb: 256,
      use_cow_images: true,
      allow_resize_to_same_host: true,
      // Nothing to heal without networks.
      heal_instance_info_cache_interval: -1,
    },
    api: { auth_strategy: 'keystone' },
    api_database: { connection: site.databaseUrl('nova_api') },
    database: { connection: site.databaseUrl('nova') },
    ...site.authtoken('nova'),
    service_user: { send_service_user_token: true, ...credentials },
    glance: { api_servers: `http://127.0.0.1:${site.ports.glance}` },
    placement: { region_name: site.region, ...site.credentials('placement') },
    neutron: { region_name: site.region, ...credentials },
    oslo_concurrency: { lock_path: join(dir, 'tmp') },
    vnc: { enabled: false },
    spice: { enabled: false },
    libvirt: {
      virt_type: 'qemu',
      cpu_mode: 'none',
      images_type: 'qcow2',
      inject_partition: -2,
      connection_uri: LIBVIRT_URI,
    },
    conductor: { workers: 1 },
    scheduler: { workers: 1 },
    notifications: { notification_format: 'both', notify_on_state_change: 'vm_and_task_state' },
    oslo_messaging_notifications: { driver: 'messagingv2', topics: 'notifications' },
    // rootwrap accepts configuration files below /etc alone; Debian's sudoers let nova run the helper without it.
    workarounds: { disable_rootwrap: true },
  };
}
