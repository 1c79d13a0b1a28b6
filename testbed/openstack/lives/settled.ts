// A server with layers is settled while its guest writes, after which Nova can do with it whatever it likes; the next
// snapshot protects it again.
import { beforeAll, expect, it } from 'vitest';
import { createImage, settledImage } from '../index.ts';
import type { ProtectedServer } from '../protected-server.ts';
import { deletedWithAll, life, resizedAndConfirmed, suspendedAndResumed, type GroundNow } from './ground.ts';

export function settledServer(ground: GroundNow): void {
  life('a settled server', () => {
    let server: ProtectedServer;

    beforeAll(async () => {
      const { cloud, varve } = ground();
      server = await varve.protect(await cloud.boot());
      for (let n = 0; n < 3; n++) {
        await server.server.wrote(100);
        await server.snapshotWell();
      }
    });

    /** As a user would ask for it: to its end. */
    async function settle(): Promise<void> {
      const { id } = await server.client.settle(server.id);
      expect(await server.finished(id)).toMatchObject({ state: 'succeeded', problem: null });
      expect(await server.server.chain()).toHaveLength(2);
    }

    it('has one layer on the base image, and its guest noticed nothing', async () => {
      expect((await server.server.chain()).length).toBeGreaterThan(2);
      await settle();
      await server.expectSound();
    });

    it('gives an image while it runs', async () => {
      const { cloud } = ground();
      const image = cloud.forget(await createImage(cloud.demo, server.id, 'live'));
      expect(await settledImage(cloud.demo, image)).toMatchObject({ status: 'active' });
      await server.server.waitFor('ACTIVE');
      await server.expectSound();
    });

    it('is resized', async () => {
      await resizedAndConfirmed(ground(), server.server);
      await server.expectHistory();
      await server.server.load();
    });

    it('is protected again by the next snapshot, and rolled back to that', async () => {
      const point = await server.snapshotWell();
      await server.server.wrote(100);
      await server.goBackTo(point);
      await server.server.load();
    });

    it('is settled again, suspended and resumed, and rebooted', async () => {
      await server.snapshotWell();
      await settle();
      await server.server.rebootHard();
      await server.expectHistory();
      await server.server.load();
      await suspendedAndResumed(server.server);
      await server.expectSound();
    });

    it('is deleted, and nothing is left on the host', () => deletedWithAll(ground(), server.server));
  });
}
