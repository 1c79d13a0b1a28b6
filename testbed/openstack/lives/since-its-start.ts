// Until a restart, libvirt calls the layer that the domain was started on by the name `disk`, which is another file now.
import { chownSync, copyFileSync, existsSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { act, createImage, settledImage, type ProvingServer } from '../index.ts';
import {
  deletedWithAll,
  expectWhole,
  givenUp,
  life,
  pausedAndUnpaused,
  rescued,
  shelvedAndUnshelved,
  type Ground,
  type GroundNow,
} from './ground.ts';

/** A life for each thing that can only be done once: afterwards all names are true, or there are no layers. */
export function snapshottedSinceItsStart(ground: GroundNow): void {
  begin(ground, 'it is rescued', (server) => {
    it('goes on when it was paused', async () => {
      await pausedAndUnpaused(server());
      await expectWhole(server());
    });

    it('comes back from the rescue', async () => {
      await rescued(server());
      await expectWhole(server());
    });

    it('is deleted, and nothing stays on the host', () => deletedWithAll(ground(), server()));
  });

  begin(ground, 'it is suspended', (server) => {
    it('cannot be resumed; a hard reboot brings it back with all that was flushed', async () => {
      await server().act({ suspend: null });
      await server().waitFor('SUSPENDED');
      await server().act({ resume: null });
      expect(await givenUp(ground(), server(), 'SUSPENDED')).toMatchObject({ status: 'ERROR', powerState: 4 });
      await server().rebootHard();
      await expectWhole(server());
    });

    it('is deleted, and nothing stays on the host', () => deletedWithAll(ground(), server()));
  });

  begin(ground, 'it is shelved', (server) => {
    it('gives no image while it runs, and goes on', async () => {
      const { cloud } = ground();
      const image = cloud.forget(await createImage(cloud.demo, server().id, 'live'));
      expect(await settledImage(cloud.demo, image)).toBeNull();
      await server().waitFor('ACTIVE');
      await expectWhole(server());
    });

    it('comes back in the shape that Nova gives a disk', async () => {
      await shelvedAndUnshelved(ground(), server());
      await expectWhole(server());
    });

    it('is deleted, and nothing stays on the host', () => deletedWithAll(ground(), server()));
  });

  begin(ground, 'it is resized', (server) => {
    it('goes to ERROR; a repair brings it back, from what Nova set aside', async () => {
      await resizedInVain(ground(), server());
      expect(existsSync(join(asideOf(server()), 'layers'))).toBe(true);
      await repaired(ground(), server());
    });

    it('goes there again after its restart; a repair brings it back from the store, where `disk` alone is left', async () => {
      await resizedInVain(ground(), server());
      leaveDiskAlone(server());
      await repaired(ground(), server());
    });

    it('is deleted, and nothing stays on the host', () => deletedWithAll(ground(), server()));
  });
}

function begin(ground: GroundNow, end: string, tests: (server: () => ProvingServer) => void): void {
  life(`a server that was snapshotted since its start, when ${end}`, () => {
    let server: ProvingServer;

    beforeAll(async () => {
      const { cloud, varve } = ground();
      server = await cloud.boot();
      await (await varve.protect(server)).snapshotWell();
      await server.wrote(100);
    });
    tests(() => server);
  });
}

const asideOf = ({ dir }: ProvingServer): string => `${dir}_resize`;

async function resizedInVain(ground: Ground, server: ProvingServer): Promise<void> {
  await server.act({ resize: { flavorRef: ground.cloud.file.flavors.large } });
  expect(await givenUp(ground, server, 'ACTIVE')).toMatchObject({ status: 'ERROR' });
}

/** As a move leaves it on another host, which this cloud has not got. */
function leaveDiskAlone(server: ProvingServer): void {
  const disk = join(asideOf(server), 'disk');
  const copy = `${server.disk}.copy`;
  copyFileSync(disk, copy);
  const { uid, gid } = statSync(disk);
  chownSync(copy, uid, gid);
  renameSync(copy, server.disk);
  rmSync(asideOf(server), { recursive: true });
}

async function repaired({ cloud, varve }: Ground, server: ProvingServer): Promise<void> {
  const mine = await varve.protect(server);
  const { id } = await mine.client.repair(server.id);
  expect(await mine.finished(id)).toMatchObject({ state: 'succeeded', problem: null, chainLength: 2 });
  expect(existsSync(asideOf(server))).toBe(false);
  await act(cloud.admin, server.id, { 'os-resetState': { state: 'active' } });
  await server.rebootHard();
  await expectWhole(server);
}
