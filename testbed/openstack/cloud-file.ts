// What others need to know of a running test cloud: the file `openstack.json` in its state folder.
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const DEFAULT_STATE_DIR = process.env['VARVE_OPENSTACK_DIR'] ?? '/var/tmp/varve-openstack';

export interface Login {
  readonly user: string;
  readonly password: string;
  readonly project: string;
}

/** Each of these is in the domain `default`. */
export interface Logins {
  readonly admin: Login;
  /** `member` of the project `demo`, as an ordinary user is. */
  readonly demo: Login;
  /** Only `reader` of the project `demo`. */
  readonly reader: Login;
  /** `member` of the project `other`. */
  readonly stranger: Login;
  /** Varve's own: `admin` and `service` in the project `service`. */
  readonly varve: Login;
}

export type OpenStackApi = 'keystone' | 'glance' | 'placement' | 'nova' | 'neutron';

export interface CloudFile {
  readonly authUrl: string;
  readonly region: string;
  readonly logins: Logins;
  readonly endpoints: Readonly<Record<OpenStackApi, string>>;
  /** The broker of Nova and Glance, with the vhost in which their exchanges are. */
  readonly amqpUrl: string;
  /** What Nova calls its only host. */
  readonly host: string;
  readonly instancesDir: string;
  readonly libvirtUri: string;
  readonly image: string;
  /** `small` has a disk of 1 GiB, `large` of 2 GiB. */
  readonly flavors: { readonly small: string; readonly large: string };
  readonly guest: { readonly areaBlocks: number; readonly journal: string };
  /** A unix socket: `POST /<service>/stop|start|kill|suspend|resume`. */
  readonly control: string;
  /** libvirt runs this program before it starts a domain (and at other times), when there is one. */
  readonly hook: string;
  readonly logs: string;
}

/** @throws {Error} when none runs there */
export function readCloudFile(stateDir: string = DEFAULT_STATE_DIR): CloudFile {
  const file = join(resolve(stateDir), 'openstack.json');
  if (!existsSync(file)) throw new Error(`no cloud in ${stateDir}: npm run testbed:openstack -- up`);
  return JSON.parse(readFileSync(file, 'utf8')) as CloudFile;
}
