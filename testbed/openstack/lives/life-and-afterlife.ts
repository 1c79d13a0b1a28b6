// The whole product hears of what a server's owner does to it, from its snapshots over a rescue and a rebuild to the end
// of the points that outlived it.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { SnapshotView } from '@varve/contracts';
import { beforeAll, expect, it } from 'vitest';
import { until } from '../../services/until.ts';
import type { Point, ProtectedServer } from '../protected-server.ts';
import { deletedWithAll, life, type GroundNow } from './ground.ts';

/** How long the points of a deleted server stay here: other lives go on with them for a while. */
export const KEEP_S = 90;

const SOON = { deadlineMs: 60_000, everyMs: 200 };

export function lifeAndAfterlife(ground: GroundNow): void {
  life('the life of a server', () => {
    let server: ProtectedServer;
    const points: Point[] = [];

    beforeAll(async () => {
      const { cloud, varve } = ground();
      server = await varve.protect(await cloud.boot());
    });

    const unsupported = async (): Promise<string | null> =>
      (await server.client.instance(server.id)).unsupported?.code ?? null;
    async function snapshots(): Promise<SnapshotView[]> {
      const all: SnapshotView[] = [];
      for await (const one of server.client.snapshots(server.id)) all.push(one);
      return all;
    }
    async function filesInStore(): Promise<string[]> {
      const store = join(ground().varve.cluster.root, 'store');
      const entries = await readdir(store, { recursive: true, withFileTypes: true });
      return entries.filter((entry) => entry.isFile() && entry.parentPath.includes(server.id)).map(({ name }) => name);
    }

    it('begins with snapshots', async () => {
      points.push(await server.snapshotWell(), await server.snapshotWell());
    });

    it('goes on after a rescue, during which there are none', async () => {
      await server.server.rescue();
      await until('it is known', async () => (await unsupported()) === 'instance_rescued', SOON);
      await expect(server.client.createSnapshot(server.id, {})).rejects.toMatchObject({ code: 'instance_rescued' });
      await server.server.reboots({ unrescue: null });
      await until('it is known', async () => (await unsupported()) === null, SOON);
    });

    it.each([
      ['a cold migration', { migrate: null }],
      ['a live migration', { 'os-migrateLive': { host: null, block_migration: 'auto' } }],
      ['an evacuation', { evacuate: {} }],
    ])('goes on after %s, which Nova has no other host for', async (_, action) => {
      const { cloud } = ground();
      const { status } = await cloud.admin.ask('compute', 'POST', `/servers/${server.id}/action`, { body: action });
      // Two are accepted before Nova has looked for a host.
      expect(status).toBe('evacuate' in action ? 400 : 202);
      await server.server.waitFor('ACTIVE');
      await server.expectHistory();
      await server.server.load();
    });

    it('starts anew with a rebuild: the next snapshot stands on the base image, and older points can be gone back to', async () => {
      const { cloud } = ground();
      server.server.announceRollback({ acked: 0, upto: 2048 });
      await server.server.reboots({ rebuild: { imageRef: await cloud.imageId() } });
      await server.expectHistory();
      await server.server.load();
      // Its host had none for a moment, and has to report it again.
      await until('it is reported', async () => (await server.client.instance(server.id)).state === 'running', SOON);
      const first = await server.snapshotWell();
      expect(first).toMatchObject({ operation: { chainLength: 2 }, snapshot: { backingUid: null } });
      expect(await server.snapshotWell()).toMatchObject({ snapshot: { backingUid: first.snapshot.layerUid } });
      await server.goBackTo(points[1]!);
    });

    it('ends, and its points a while later, with everything in the store', async () => {
      expect(await filesInStore()).not.toEqual([]);
      await deletedWithAll(ground(), server.server);
      await until('it is known', async () => (await unsupported()) === 'instance_deleted', SOON);
      expect((await snapshots()).filter(({ status }) => status === 'available').length).toBeGreaterThanOrEqual(4);
      await until('nothing is left of it', async () => (await filesInStore()).length === 0, {
        deadlineMs: (KEEP_S + 120) * 1_000,
        everyMs: 500,
      });
      expect(await snapshots()).toEqual([]);
    });
  });
}
