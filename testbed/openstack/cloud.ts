// The running cloud, for tests: sessions, servers with the proving guest, services that can be taken away.
//
//   const cloud = await openCloud();
//   const server = await cloud.boot();
//   ...
//   await cloud.close();                     // deletes the servers and images that were made here
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import type { ServiceControl } from '../services/service.ts';
import { until } from '../services/until.ts';
import { readCloudFile, type CloudFile, type Login } from './cloud-file.ts';
import { ConsoleJournal } from './console-journal.ts';
import { virsh } from './libvirt.ts';
import { uploadImage } from './provision.ts';
import { ProvingServer } from './proving-server.ts';
import { createServer, deleteImage, deleteServer } from './servers.ts';
import { Session } from './session.ts';

export type CloudService =
  | 'keystone'
  | 'glance'
  | 'placement'
  | 'nova-api'
  | 'nova-conductor'
  | 'nova-scheduler'
  | 'nova-compute'
  | 'rabbitmq'
  | 'mariadb'
  | 'libvirtd';

export interface BootOptions {
  /** Made up when left out. */
  readonly name?: string;
  readonly flavor?: string;
  readonly imageId?: string;
  /** Whose it is; `demo` by default. */
  readonly owner?: Session;
}

export class Cloud {
  readonly file: CloudFile;
  readonly admin: Session;
  readonly demo: Session;
  /** Journals lie here. */
  private readonly work = mkdtempSync('/var/tmp/varve-cloud-');
  private readonly servers: ProvingServer[] = [];
  private readonly images: string[] = [];

  private constructor(file: CloudFile, admin: Session, demo: Session) {
    this.file = file;
    this.admin = admin;
    this.demo = demo;
  }

  static async open(stateDir?: string): Promise<Cloud> {
    const file = readCloudFile(stateDir);
    const { admin, demo } = file.logins;
    return new Cloud(file, await Session.open(file.authUrl, admin), await Session.open(file.authUrl, demo));
  }

  session(who: keyof CloudFile['logins'] | Login): Promise<Session> {
    return Session.open(this.file.authUrl, typeof who === 'string' ? this.file.logins[who] : who);
  }

  /** The proving guest's image that everybody may use. */
  async imageId(): Promise<string> {
    const { images } = (await this.admin.request('image', 'GET', `/v2/images?name=${this.file.image}`)) as {
      images: { id: string }[];
    };
    const [first] = images;
    if (!first) throw new Error(`no image ${this.file.image}`);
    return first.id;
  }

  /** The same content as an image of its own, for a test that deletes it. */
  async ownImage(): Promise<string> {
    const disk = this.file.guest.journal.replace(/\.journal$/, '.qcow2');
    return this.forget(await uploadImage(this.admin, unique('image'), disk));
  }

  /** Has the image deleted in the end; gives it back. */
  forget(imageId: string): string {
    this.images.push(imageId);
    return imageId;
  }

  /** A server that Nova says is ACTIVE and whose guest writes: about 15 s. */
  async boot({
    name = unique('server'),
    flavor,
    imageId,
    owner = this.demo,
  }: BootOptions = {}): Promise<ProvingServer> {
    const image = imageId ?? (await this.imageId());
    const id = await createServer(owner, { name, flavor: flavor ?? this.file.flavors.small, imageId: image });
    const server = this.adopt(id, owner);
    await server.waitFor('ACTIVE');
    await server.booted();
    return server;
  }

  /**
   * One that somebody else made, as a proving server.
   *
   * @param history - the journal of what its disk has seen already; by default that of the proving guest's image
   */
  adopt(id: string, owner: Session, history: string = this.file.guest.journal): ProvingServer {
    const dir = join(this.file.instancesDir, id);
    const journal = new ConsoleJournal(join(dir, 'console.log'), join(this.work, `${id}.journal`), history);
    const server = new ProvingServer(id, dir, owner, journal, this.file.logs);
    this.servers.push(server);
    return server;
  }

  /** Deletes it as its owner would; returns when Nova, libvirt and the host's disk have none of it. */
  async delete(server: ProvingServer): Promise<void> {
    await deleteServer(this.admin, server.id);
    const what = async (): Promise<string> => `nothing is left of ${server.id}; ${await server.seen()}`;
    await until(what, async () => {
      const known = (await virsh('list', '--all', '--uuid')).split(/\s+/).includes(server.id);
      return !known && !existsSync(server.dir) && !existsSync(`${server.dir}_del`);
    });
    server.close();
  }

  /** A service of the cloud, to be stopped, killed and started: same port, same data. Start it again before the test ends. */
  service(name: CloudService): ServiceControl {
    const tell = (action: string): Promise<void> => post(this.file.control, `/${name}/${action}`);
    const send = (action: string): void =>
      void tell(action).catch((error: unknown) => process.emitWarning(error as Error));
    return {
      stop: () => tell('stop'),
      start: () => tell('start'),
      kill: () => tell('kill'),
      suspend: () => send('suspend'),
      resume: () => send('resume'),
    };
  }

  async close(): Promise<void> {
    await Promise.all(
      this.servers.map(async (server) => {
        server.close();
        await deleteServer(this.admin, server.id);
      }),
    );
    for (const id of this.images) await deleteImage(this.admin, id);
    rmSync(this.work, { recursive: true });
  }
}

export const openCloud = (stateDir?: string): Promise<Cloud> => Cloud.open(stateDir);

const unique = (kind: string): string => `${kind}-${randomBytes(4).toString('hex')}`;

function post(socketPath: string, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path, method: 'POST' }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => (text += piece));
      response.on('end', () => (response.statusCode === 200 ? resolve() : reject(new Error(text))));
    });
    call.on('error', reject);
    call.end();
  });
}
