// What Nova's users do, to a server as Nova made it and to one with layers of ours: what comes of it, and that the guest's
// data is right in the end. docs/openstack/living-with-nova.md is the table of this.
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../services/until.ts';
import {
  act,
  createImage,
  deleteImage,
  findServer,
  openCloud,
  settledImage,
  type Cloud,
  type ProvingServer,
  type Server,
} from './index.ts';
import { startVarve, type Varve } from './varve.ts';

let cloud: Cloud;
let varve: Varve;

beforeAll(async () => {
  cloud = await openCloud();
  varve = await startVarve(cloud);
});
afterAll(async () => {
  await varve?.close();
  await cloud?.close();
});

const bases = (): string[] => readdirSync(join(cloud.file.instancesDir, '_base')).sort();

/** Every boot so far found all that was flushed before it, and the guest reads what it wrote. Writing goes on. */
async function expectWhole(server: ProvingServer): Promise<void> {
  const state = await server.state();
  expect(state.good ? 'good' : state.text).toBe('good');
  await server.load();
}

/** A rescue boots a disk of its own, with the server's as the second. */
async function rescued(server: ProvingServer): Promise<void> {
  server.skipNextBoot();
  await server.act({ rescue: {} });
  await server.waitFor('RESCUE');
  await server.reboots({ unrescue: null });
}

const pairs = [
  { of: 'as Nova made it', layers: false },
  { of: 'with two snapshots', layers: true },
] as const;

describe.each(pairs)('a server $of', ({ layers }) => {
  let server: ProvingServer;
  let imageId: string;

  beforeAll(async () => {
    imageId = await cloud.ownImage();
    server = await cloud.boot({ imageId });
    if (!layers) return;
    const protectedServer = await varve.protect(server);
    await protectedServer.snapshotWell();
    await protectedServer.snapshotWell();
  });

  it('is paused and goes on', async () => {
    await server.act({ pause: null });
    await server.waitFor('PAUSED');
    await server.act({ unpause: null });
    await server.waitFor('ACTIVE');
    await expectWhole(server);
  });

  it('is suspended and resumed after it was restarted', async () => {
    await server.rebootHard();
    await server.act({ suspend: null });
    await server.waitFor('SUSPENDED');
    await server.act({ resume: null });
    await server.waitFor('ACTIVE');
    await server.wrote(50);
    await expectWhole(server);
  });

  it('is rescued and comes back', async () => {
    await server.wrote(50);
    await rescued(server);
    await expectWhole(server);
  });

  it('gives an image while it is stopped', async () => {
    await server.stop();
    const image = cloud.forget(await createImage(cloud.demo, server.id, 'cold'));
    expect(await settledImage(cloud.demo, image)).toMatchObject({ status: 'active' });
    await server.waitFor('SHUTOFF');
    await server.start();
    await expectWhole(server);
  });

  it(layers ? 'gives no image while it runs, and goes on' : 'gives an image while it runs', async () => {
    const image = cloud.forget(await createImage(cloud.demo, server.id, 'live'));
    const made = await settledImage(cloud.demo, image);
    if (layers) expect(made).toBeNull();
    else expect(made).toMatchObject({ status: 'active' });
    await server.waitFor('ACTIVE');
    await expectWhole(server);
  });

  it('starts and reboots without its Glance image, and nothing is downloaded', async () => {
    await deleteImage(cloud.admin, imageId);
    const before = bases();
    await server.stop();
    await server.start();
    await server.rebootHard();
    await server.rebootSoft();
    expect(bases()).toEqual(before);
    await expectWhole(server);
  });

  if (!layers) {
    it('is resized', async () => {
      const from = server.mark();
      await server.act({ resize: { flavorRef: cloud.file.flavors.large } });
      await server.waitFor('VERIFY_RESIZE');
      await server.booted(from);
      await server.act({ confirmResize: null });
      await server.waitFor('ACTIVE');
      await expectWhole(server);
    });
  }

  it('is deleted, and nothing stays on the host', async () => {
    await cloud.delete(server);
    const left = readdirSync(cloud.file.instancesDir).filter((name) => name.startsWith(server.id));
    expect(left).toEqual([]);
    expect(existsSync(server.dir)).toBe(false);
  });
});

// Until a restart, libvirt calls the layer that the domain was started on by the name `disk`, which is another file now.
describe('a server that was snapshotted since its start', () => {
  let server: ProvingServer;

  beforeEach(async () => {
    server = await cloud.boot();
    await (await varve.protect(server)).snapshotWell();
    await server.wrote(100);
  });
  afterEach(() => cloud.delete(server));

  /** Nova has done with it, whatever came of it. */
  const givenUp = (busy: string): Promise<Server> =>
    until(
      'Nova has ended it',
      async () => {
        const found = await findServer(cloud.admin, server.id);
        return found?.taskState === null && found.status !== busy && found;
      },
      { deadlineMs: 120_000, everyMs: 250 },
    );

  it('cannot be resumed after a suspend; a hard reboot brings it back with all that was flushed', async () => {
    await server.act({ suspend: null });
    await server.waitFor('SUSPENDED');
    await server.act({ resume: null });
    expect(await givenUp('SUSPENDED')).toMatchObject({ status: 'ERROR', powerState: 4 });
    await server.rebootHard();
    await expectWhole(server);
  });

  it('is rescued and comes back', async () => {
    await rescued(server);
    await expectWhole(server);
  });

  it('is shelved and comes back, in the shape that Nova gives a disk', async () => {
    await server.act({ shelve: null });
    await server.waitFor('SHELVED_OFFLOADED');
    expect(readdirSync(cloud.file.instancesDir)).not.toContain(server.id);
    await server.reboots({ unshelve: null });
    expect(await server.chain()).toHaveLength(2);
    await expectWhole(server);
  });

  it('goes to ERROR when it is resized; its directory put back by hand brings it back', async () => {
    await server.act({ resize: { flavorRef: cloud.file.flavors.large } });
    expect(await givenUp('ACTIVE')).toMatchObject({ status: 'ERROR' });
    const moved = `${server.dir}_resize`;
    expect(existsSync(join(moved, 'layers'))).toBe(true);

    rmSync(server.dir, { recursive: true });
    renameSync(moved, server.dir);
    await act(cloud.admin, server.id, { 'os-resetState': { state: 'active' } });
    await server.rebootHard();
    await expectWhole(server);
  });
});
