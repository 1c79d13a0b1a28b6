import { beforeAll, expect, it } from 'vitest';
import { createImage, deleteImage, settledImage, type ProvingServer } from '../index.ts';
import {
  basesOf,
  deletedWithAll,
  expectWhole,
  life,
  pausedAndUnpaused,
  rescued,
  shelvedAndUnshelved,
  suspendedAndResumed,
  type GroundNow,
} from './ground.ts';

/** Two snapshots, and then restarts: all of its layers' names are true. */
export function withLayers(ground: GroundNow): void {
  life('a server with two snapshots', () => {
    let server: ProvingServer;
    let imageId: string;

    beforeAll(async () => {
      const { cloud, varve } = ground();
      imageId = await cloud.ownImage();
      server = await cloud.boot({ imageId });
      const protectedServer = await varve.protect(server);
      await protectedServer.snapshotWell();
      await protectedServer.snapshotWell();
    });

    it('is paused and goes on', async () => {
      await pausedAndUnpaused(server);
      await expectWhole(server);
    });

    async function givesAnImageStopped(): Promise<void> {
      const { cloud } = ground();
      await server.stop();
      const image = cloud.forget(await createImage(cloud.demo, server.id, 'cold'));
      expect(await settledImage(cloud.demo, image)).toMatchObject({ status: 'active' });
      await server.waitFor('SHUTOFF');
    }

    it('gives an image once it is stopped', async () => {
      await givesAnImageStopped();
      await server.start();
      await expectWhole(server);
    });

    it('is suspended and resumed after it was restarted, and paused', async () => {
      await suspendedAndResumed(server);
      await pausedAndUnpaused(server);
      await expectWhole(server);
    });

    it('is rescued and comes back', async () => {
      await rescued(server);
      await expectWhole(server);
    });

    it('gives no image while it runs, and goes on', async () => {
      const { cloud } = ground();
      const image = cloud.forget(await createImage(cloud.demo, server.id, 'live'));
      expect(await settledImage(cloud.demo, image)).toBeNull();
      await server.waitFor('ACTIVE');
      await expectWhole(server);
    });

    it('gives one, starts and reboots without its Glance image, and nothing is downloaded', async () => {
      const { cloud } = ground();
      await deleteImage(cloud.admin, imageId);
      const before = await basesOf(ground(), server);
      await givesAnImageStopped();
      await server.start();
      await server.rebootHard();
      await server.rebootSoft();
      expect(await basesOf(ground(), server)).toEqual(before);
      await expectWhole(server);
    });

    it('is shelved and comes back, in the shape that Nova gives a disk', async () => {
      await shelvedAndUnshelved(ground(), server);
      await expectWhole(server);
    });

    it('is deleted, and nothing stays on the host', () => deletedWithAll(ground(), server));
  });
}
