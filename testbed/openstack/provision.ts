// What is made through the APIs: users, catalogue, flavors, the guest's image. Does nothing for what is there.
import { readFileSync } from 'node:fs';
import { until } from '../services/until.ts';
import type { Logins } from './cloud-file.ts';
import type { Session, ServiceType } from './session.ts';
import type { Site } from './site.ts';

export const IMAGE = 'varve-proving-guest';
export const FLAVORS = { small: 'varve-small', large: 'varve-large' };

export function loginsOf({ passwords }: Site): Logins {
  return {
    admin: { user: 'admin', password: passwords.admin, project: 'admin' },
    demo: { user: 'demo', password: passwords.demo, project: 'demo' },
    reader: { user: 'reader', password: passwords.reader, project: 'demo' },
    stranger: { user: 'stranger', password: passwords.stranger, project: 'other' },
    varve: { user: 'varve', password: passwords.varve, project: 'service' },
  };
}

/** Users with their roles, and the catalogue. */
export async function provisionIdentity(admin: Session, site: Site): Promise<void> {
  const find = async (kind: string, query: Record<string, string>): Promise<string | undefined> => {
    const found = await admin.request('identity', 'GET', `/${kind}s?${new URLSearchParams(query).toString()}`);
    return (found[`${kind}s`] as { id: string }[])[0]?.id;
  };
  const ensure = async (kind: string, query: Record<string, string>, more: object = {}): Promise<string> => {
    const id = await find(kind, query);
    if (id !== undefined) return id;
    const made = await admin.request('identity', 'POST', `/${kind}s`, { body: { [kind]: { ...query, ...more } } });
    return (made[kind] as { id: string }).id;
  };
  const inDefault = (name: string): Record<string, string> => ({ name, domain_id: 'default' });

  const logins = loginsOf(site);
  const component = (user: string) => ({ user, password: site.passwords.service, project: 'service' });
  const users = [
    ...['nova', 'glance', 'placement'].map((name) => ({ ...component(name), roles: ['admin', 'service'] })),
    { ...logins.demo, roles: ['member', 'reader'] },
    { ...logins.reader, roles: ['reader'] },
    { ...logins.stranger, roles: ['member', 'reader'] },
    { ...logins.varve, roles: ['admin', 'service'] },
  ];
  for (const { user, password, project, roles } of users) {
    const projectId = await ensure('project', inDefault(project));
    const userId = await ensure('user', inDefault(user), { password });
    for (const name of roles) {
      const roleId = await ensure('role', { name });
      await admin.request('identity', 'PUT', `/projects/${projectId}/users/${userId}/roles/${roleId}`);
    }
  }
  const { glance, placement, nova, neutron } = site.ports;
  const catalogue = [
    { name: 'glance', type: 'image', at: String(glance) },
    { name: 'placement', type: 'placement', at: String(placement) },
    { name: 'nova', type: 'compute', at: `${nova}/v2.1` },
    { name: 'neutron', type: 'network', at: String(neutron) },
  ];
  for (const { name, type, at } of catalogue) {
    const service_id = await ensure('service', { name, type });
    for (const kind of ['public', 'internal', 'admin']) {
      const url = `http://127.0.0.1:${at}`;
      await ensure('endpoint', { service_id, interface: kind }, { url, region_id: site.region });
    }
  }
}

/** Flavors, and the image in Glance. */
export async function provisionCloud(admin: Session, guestDisk: string): Promise<void> {
  const list = async (service: ServiceType, path: string, key: string): Promise<{ id: string; status?: string }[]> =>
    (await admin.request(service, 'GET', path))[key] as { id: string; status?: string }[];

  const flavors = await list('compute', '/flavors', 'flavors');
  for (const [name, disk] of [
    [FLAVORS.small, 1],
    [FLAVORS.large, 2],
  ] as const) {
    if (flavors.some((flavor) => flavor.id === name)) continue;
    const body = { flavor: { id: name, name, vcpus: 1, ram: 192, disk } };
    await admin.request('compute', 'POST', '/flavors', { body });
  }
  const images = await list('image', `/v2/images?name=${IMAGE}`, 'images');
  if (images.some(({ status }) => status === 'active')) return;
  await uploadImage(admin, IMAGE, guestDisk);
}

/** A public image with that content; gives its id. */
export async function uploadImage(admin: Session, name: string, file: string): Promise<string> {
  const made = await admin.request('image', 'POST', '/v2/images', {
    body: {
      name,
      disk_format: 'qcow2',
      container_format: 'bare',
      visibility: 'public',
      min_disk: 1,
      min_ram: 128,
      hw_qemu_guest_agent: 'yes',
    },
  });
  const id = made['id'] as string;
  await admin.request('image', 'PUT', `/v2/images/${id}/file`, {
    body: readFileSync(file),
    headers: { 'content-type': 'application/octet-stream' },
  });
  return id;
}

/** Until nova-compute has reported itself, to Nova and to Placement: the scheduler needs both. */
export async function waitForHost(admin: Session): Promise<void> {
  await until(
    'nova-compute is up',
    async () => {
      const { services } = (await admin.request('compute', 'GET', '/os-services')) as {
        services: { binary: string; state: string }[];
      };
      return services.some(({ binary, state }) => binary === 'nova-compute' && state === 'up');
    },
    { deadlineMs: 120_000, everyMs: 500 },
  );
  await until(
    'Placement knows the host',
    async () => {
      const found = await admin.request('placement', 'GET', '/resource_providers');
      return (found['resource_providers'] as unknown[]).length > 0;
    },
    { deadlineMs: 120_000, everyMs: 500 },
  );
}
