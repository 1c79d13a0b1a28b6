// The whole cloud: starts what it stands on, prepares each component once, starts them and fills them.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { servicesAccount } from '../services/account.ts';
import { prepareRabbitMq } from '../services/rabbitmq.ts';
import type { Service } from '../services/service.ts';
import type { CloudFile } from './cloud-file.ts';
import { AREA_BLOCKS, guestDisk } from './guest-disk.ts';
import { prepareGlance } from './glance.ts';
import { prepareKeystone, type Component } from './keystone.ts';
import { endGuests, prepareLibvirt, removeHook } from './libvirt.ts';
import { prepareMariaDb } from './mariadb.ts';
import { startNoNeutron } from './no-neutron.ts';
import { HOST, LIBVIRT_URI, prepareNova } from './nova.ts';
import { once } from './once.ts';
import { preparePlacement } from './placement.ts';
import { FLAVORS, IMAGE, loginsOf, provisionCloud, provisionIdentity, waitForHost } from './provision.ts';
import { Session } from './session.ts';
import { loadSettings } from './settings.ts';
import { Site } from './site.ts';
import { systemUser } from './users.ts';

const VHOST = 'openstack';

export interface OpenStack {
  readonly file: CloudFile;
  service(name: string): Service | undefined;
  /** Guests lose their power; with `forget`, libvirt forgets them. Data stays. */
  stop(options: { forget: boolean }): Promise<void>;
}

/**
 * Brings the cloud of this folder up: some two minutes for a new one, about half of one afterwards.
 *
 * @param tell - told what has been reached
 * @throws {Error} something did not come up; nothing is left running
 */
export async function startOpenStack(dir: string, tell: (what: string) => void): Promise<OpenStack> {
  mkdirSync(join(dir, 'log'), { recursive: true });
  chmodSync(dir, 0o755);
  const settings = await loadSettings(dir);
  const { ports } = settings;
  const running: Service[] = [];
  const start = async (...services: readonly Service[]): Promise<void> => {
    running.push(...services);
    await Promise.all(services.map((service) => service.start()));
    tell(`${services.map(({ name }) => name).join(', ')} up`);
  };

  const rabbitmq = await prepareRabbitMq(servicesAccount(), join(dir, 'rabbitmq'), ports);
  const amqpUrl = `${rabbitmq.url}/${VHOST}`;
  const mariadb = await prepareMariaDb(join(dir, 'mariadb'), join(dir, 'log/mariadb.log'), settings.passwords.database);
  const site = new Site(dir, settings, (name) => mariadb.url(name), amqpUrl);
  const libvirt = await prepareLibvirt(dir, (name) => site.log(systemUser('root'), name));
  const keystone = prepareKeystone(site);
  const glance = prepareGlance(site);
  const placement = preparePlacement(site);
  const nova = prepareNova(site);
  const neutron = await startNoNeutron(ports.neutron);

  const stop = async ({ forget }: { forget: boolean }): Promise<void> => {
    const ground = new Set([rabbitmq.service, mariadb.service, ...libvirt]);
    await Promise.all(running.filter((service) => !ground.has(service)).map((service) => service.stop()));
    await endGuests(nova.instancesDir, { forget });
    await Promise.all(running.filter((service) => ground.has(service)).map((service) => service.stop()));
    if (libvirt.length > 0) removeHook();
    neutron.close();
    neutron.closeAllConnections();
  };
  const setUp = (name: string, component: Component): Promise<void> => once(dir, name, () => component.setUp());

  try {
    await start(mariadb.service, rabbitmq.service, ...libvirt);
    await rabbitmq.createVhost(VHOST);
    const logins = loginsOf(site);
    const logIn = async (): Promise<Session> => {
      await setUp('keystone', keystone);
      await start(...keystone.services);
      const session = await Session.open(site.authUrl, logins.admin);
      await once(dir, 'identity', () => provisionIdentity(session, site));
      return session;
    };
    const [admin] = await Promise.all([
      logIn(),
      setUp('glance', glance),
      setUp('placement', placement),
      setUp('nova', nova),
    ]);
    tell('schemas, users and catalogue there');
    await start(...glance.services, ...placement.services, ...nova.services);
    await admin.renew();
    const disk = guestDisk(dir);
    await provisionCloud(admin, disk.disk);
    tell('flavors and image there');
    await waitForHost(admin);
    await nova.discoverHosts();
    const url = (port: number): string => `http://127.0.0.1:${port}`;
    const file: CloudFile = {
      authUrl: site.authUrl,
      region: site.region,
      logins,
      endpoints: {
        keystone: site.authUrl,
        glance: url(ports.glance),
        placement: url(ports.placement),
        nova: `${url(ports.nova)}/v2.1`,
        neutron: url(ports.neutron),
      },
      amqpUrl,
      host: HOST,
      instancesDir: nova.instancesDir,
      libvirtUri: LIBVIRT_URI,
      image: IMAGE,
      flavors: FLAVORS,
      guest: { areaBlocks: AREA_BLOCKS, journal: disk.journal },
      control: join(dir, 'control.sock'),
      hook: join(dir, 'hook'),
      logs: join(dir, 'log'),
    };
    writeFileSync(join(dir, 'openstack.json'), JSON.stringify(file, null, 2), { mode: 0o600 });
    return { file, service: (name) => running.find((service) => service.name === name), stop };
  } catch (error) {
    await stop({ forget: false });
    throw error;
  }
}
