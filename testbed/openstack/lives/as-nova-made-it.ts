import { beforeAll, expect, it } from 'vitest';
import { createImage, deleteImage, settledImage, type ProvingServer } from '../index.ts';
import {
  basesOf,
  deletedWithAll,
  expectWhole,
  life,
  pausedAndUnpaused,
  rescued,
  resizedAndConfirmed,
  shelvedAndUnshelved,
  suspendedAndResumed,
  type GroundNow,
} from './ground.ts';

/** What Nova can do with a server that has no layers of ours: what the others are measured by. */
export function asNovaMadeIt(ground: GroundNow): void {
  life('a server as Nova made it', () => {
    let server: ProvingServer;
    let imageId: string;

    beforeAll(async () => {
      const { cloud } = ground();
      imageId = await cloud.ownImage();
      server = await cloud.boot({ imageId });
    });

    it('is paused and goes on', async () => {
      await pausedAndUnpaused(server);
      await expectWhole(server);
    });

    it('is suspended and resumed', async () => {
      await suspendedAndResumed(server);
      await expectWhole(server);
    });

    it('is rescued and comes back', async () => {
      await rescued(server);
      await expectWhole(server);
    });

    it('gives an image while it is stopped', async () => {
      const { cloud } = ground();
      await server.stop();
      const image = cloud.forget(await createImage(cloud.demo, server.id, 'cold'));
      expect(await settledImage(cloud.demo, image)).toMatchObject({ status: 'active' });
      await server.waitFor('SHUTOFF');
      await server.start();
      await expectWhole(server);
    });

    it('gives an image while it runs', async () => {
      const { cloud } = ground();
      const image = cloud.forget(await createImage(cloud.demo, server.id, 'live'));
      expect(await settledImage(cloud.demo, image)).toMatchObject({ status: 'active' });
      await server.waitFor('ACTIVE');
      await expectWhole(server);
    });

    it('starts and reboots without its Glance image, and nothing is downloaded', async () => {
      const { cloud } = ground();
      await deleteImage(cloud.admin, imageId);
      const before = await basesOf(ground(), server);
      await server.stop();
      await server.start();
      await server.rebootHard();
      await server.rebootSoft();
      expect(await basesOf(ground(), server)).toEqual(before);
      await expectWhole(server);
    });

    it('is resized', async () => {
      await resizedAndConfirmed(ground(), server);
      await expectWhole(server);
    });

    it('is shelved and comes back', async () => {
      await shelvedAndUnshelved(ground(), server);
      await expectWhole(server);
    });

    it('is deleted, and nothing stays on the host', () => deletedWithAll(ground(), server));
  });
}
