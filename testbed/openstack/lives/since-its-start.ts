// Until a restart, libvirt calls the layer that the domain was started on by the name `disk`, which is another file now.
import { existsSync, renameSync, rmSync } from 'node:fs';
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
    it('goes to ERROR; its directory put back by hand brings it back', () => resizedInVain(ground(), server()));

    it('goes there again after its restart, and comes back again', () => resizedInVain(ground(), server()));

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

async function resizedInVain({ cloud, varve }: Ground, server: ProvingServer): Promise<void> {
  await server.act({ resize: { flavorRef: cloud.file.flavors.large } });
  expect(await givenUp({ cloud, varve }, server, 'ACTIVE')).toMatchObject({ status: 'ERROR' });
  const moved = `${server.dir}_resize`;
  expect(existsSync(join(moved, 'layers'))).toBe(true);

  rmSync(server.dir, { recursive: true });
  renameSync(moved, server.dir);
  await act(cloud.admin, server.id, { 'os-resetState': { state: 'active' } });
  await server.rebootHard();
  await expectWhole(server);
}
