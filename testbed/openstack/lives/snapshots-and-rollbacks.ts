// A writing server, its snapshots and rollbacks, and Nova's own doings in between.
import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { createServer, downloadImage, findImage } from '../index.ts';
import type { Point, ProtectedServer } from '../protected-server.ts';
import { basesOf, deletedWithAll, life, type GroundNow } from './ground.ts';

export function snapshotsAndRollbacks(ground: GroundNow): void {
  life('a server of Nova', () => {
    let server: ProtectedServer;
    const points: Point[] = [];

    beforeAll(async () => {
      const { cloud, varve } = ground();
      server = await varve.protect(await cloud.boot({ imageId: await cloud.ownImage() }));
    });

    /** To its end; gives the image. */
    async function exported(point: Point, name: string): Promise<string> {
      const { id } = await server.client.exportSnapshot(point.snapshot.uid, { name });
      const operation = await server.finished(id);
      expect(operation).toMatchObject({ kind: 'export', state: 'succeeded', problem: null });
      return ground().cloud.forget(operation.imageId ?? '');
    }

    it('is known to its project by its name', async () => {
      const { cloud, varve } = ground();
      expect(await varve.client().instance(server.id)).toMatchObject({
        id: server.id,
        projectId: cloud.demo.projectId,
      });
    });

    it('is snapshotted five times while its guest writes, with Nova stopping, starting and rebooting it in between', async () => {
      const before = await basesOf(ground(), server.server);
      const snapshot = async (): Promise<void> => {
        await server.server.wrote(100);
        points.push(await server.snapshotWell());
      };
      await snapshot();
      await snapshot();
      await server.server.stop();
      expect(await server.server.check()).toMatchObject({ good: true });
      await server.server.start();
      await snapshot();
      await server.server.rebootHard();
      await snapshot();
      await server.server.rebootSoft();
      await snapshot();
      expect(await basesOf(ground(), server.server)).toEqual(before);
      const state = await server.server.state();
      expect(state.good ? 'good' : state.text).toBe('good');
    });

    it('is rolled back to the second point, and then to a later one', async () => {
      await server.server.load();
      await server.goBackTo(points[1]!);
      expect(await server.server.waitFor('ACTIVE')).toMatchObject({ powerState: 1 });
      await server.goBackTo(points[3]!);
      expect(await server.server.waitFor('ACTIVE')).toMatchObject({ powerState: 1 });
    });

    it('gives an image of a point while its guest writes; a server of the same project boots from it, exactly there', async () => {
      const { cloud, varve } = ground();
      await server.server.load();
      const point = points[2]!;
      const { uid } = point.snapshot;
      const [stranger, reader] = await Promise.all([cloud.session('stranger'), cloud.session('reader')]);
      await expect(varve.client(stranger).exportSnapshot(uid, { name: 'theirs' })).rejects.toMatchObject({
        status: 404,
      });
      await expect(varve.client(reader).exportSnapshot(uid, { name: 'x' })).rejects.toMatchObject({ status: 403 });

      const imageId = await exported(point, 'as it was');
      await server.expectSound();
      expect(await findImage(cloud.demo, imageId)).toMatchObject({
        status: 'active',
        properties: {
          name: 'as it was',
          owner: cloud.demo.projectId,
          visibility: 'private',
          disk_format: 'qcow2',
          min_disk: 1,
          min_ram: 128,
          hw_qemu_guest_agent: 'yes',
          varve_restore_point: uid,
          varve_instance: server.id,
          varve_taken_at: point.snapshot.sealedAt,
        },
      });
      expect(await findImage(stranger, imageId)).toBeNull();

      const history = server.server.historyUntil(point);
      const options = { name: 'from-the-point', flavor: cloud.file.flavors.small, imageId };
      const other = cloud.adopt(await createServer(cloud.demo, options), cloud.demo, history);
      await other.waitFor('ACTIVE');
      await other.booted();
      const state = await other.state();
      expect(state.good ? 'good' : state.text).toBe('good');
      await cloud.delete(other);
    });

    it('is deleted with everything on the host', () => deletedWithAll(ground(), server.server));

    it('gives an image of a point even then', async () => {
      const { cloud } = ground();
      const point = points[0]!;
      const imageId = await exported(point, 'of one that is gone');
      expect(await findImage(cloud.demo, imageId)).toMatchObject({ properties: { hw_qemu_guest_agent: 'yes' } });
      const content = await downloadImage(cloud.demo, imageId);
      try {
        expect(await server.server.check(point, content)).toMatchObject({ good: true });
      } finally {
        rmSync(dirname(content), { recursive: true });
      }
    });
  });
}
