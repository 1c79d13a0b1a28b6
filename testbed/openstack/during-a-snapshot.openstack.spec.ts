// What Nova's users do to a server while a snapshot of it is being uploaded: the store does not answer until all is done.
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OperationView } from '@varve/contracts';
import { Gate } from '../services/gate.ts';
import { freshBucket } from '../services/shared.ts';
import { until } from '../services/until.ts';
import { act, createImage, openCloud, settledImage, type Cloud } from './index.ts';
import { deletedWithAll, expectWhole, givenUp, type Ground } from './lives/ground.ts';
import type { Point, ProtectedServer } from './protected-server.ts';
import { startVarve, type Varve } from './varve.ts';

const WHAT = ['stopped', 'rebooted', 'deleted', 'imaged', 'resized', 'suspended'] as const;
type What = (typeof WHAT)[number];

let cloud: Cloud;
let varve: Varve;
let gate: Gate;
let servers: Record<What, ProtectedServer>;
let snapshots: Record<What, Pick<Point, 'acked' | 'upto'> & { uid: string; operationId: string }>;
const ground = (): Ground => ({ cloud, varve });

beforeAll(async () => {
  cloud = await openCloud();
  const bucket = await freshBucket();
  gate = await Gate.before(bucket.port);
  varve = await startVarve(cloud, {
    store: { kind: 's3', ...bucket, port: gate.port },
    workerEnv: { VARVE_UPLOAD_GIVE_UP_S: '900', VARVE_TRANSFERS: '8' },
  });
  servers = await forEach(async () => varve.protect(await cloud.boot()));
  gate.hold();
  snapshots = await forEach((what) => sealed(servers[what]));
});
afterAll(async () => {
  await varve?.close();
  gate?.close();
  await cloud?.close();
});

async function forEach<T>(make: (what: What) => Promise<T>): Promise<Record<What, T>> {
  return Object.fromEntries(await Promise.all(WHAT.map(async (what) => [what, await make(what)]))) as Record<What, T>;
}

/** The guest writes into the next layer already. */
async function sealed({ server, client, id }: ProtectedServer): Promise<(typeof snapshots)[What]> {
  await server.wrote(50);
  const { acked } = await server.stat();
  const { uid, operationId } = await client.createSnapshot(id, { quiesce: 'none' });
  await until('it is sealed', async () => (await client.snapshot(uid)).sealedAt !== null, { deadlineMs: 120_000 });
  const { op: upto } = await server.stat();
  await server.wrote(50);
  return { acked, upto, uid, operationId };
}

const ended = (what: What): Promise<OperationView> => servers[what].finished(snapshots[what].operationId);

// Each group as a whole: side by side are its tests alone.
const together = (name: string, tests: () => void): void => {
  describe(name, { concurrent: false }, () => {
    describe('together', { concurrent: true }, () => {
      tests();
    });
  });
};

together('while its snapshot is uploaded, a server', () => {
  it('is stopped', () => servers.stopped.server.stop());

  it('is rebooted', () => servers.rebooted.server.rebootHard());

  it('is deleted, and nothing stays on the host', () => deletedWithAll(ground(), servers.deleted.server));

  it('gives no image', async () => {
    const image = cloud.forget(await createImage(cloud.demo, servers.imaged.id, 'live'));
    expect(await settledImage(cloud.demo, image)).toBeNull();
    await servers.imaged.server.waitFor('ACTIVE');
  });

  it('goes to ERROR when it is resized', async () => {
    await servers.resized.server.act({ resize: { flavorRef: cloud.file.flavors.large } });
    expect(await givenUp(ground(), servers.resized.server, 'ACTIVE')).toMatchObject({ status: 'ERROR' });
    expect(existsSync(join(`${servers.resized.server.dir}_resize`, 'layers'))).toBe(true);
  });

  it('is suspended', async () => {
    await servers.suspended.server.act({ suspend: null });
    await servers.suspended.server.waitFor('SUSPENDED');
  });
});

together('when the store answers again', () => {
  beforeAll(() => gate.release());

  it.each(['stopped', 'imaged', 'suspended'] as const)(
    'the snapshot of the one that was %s ends well',
    async (what) => {
      expect(await ended(what)).toMatchObject({ state: 'succeeded', problem: null });
      if (what !== 'imaged') await servers[what].server.rebootHard();
      await expectWhole(servers[what].server);
      await servers[what].snapshotWell();
    },
  );

  it('that of the one that was rebooted too, and it is what can be gone back to', async () => {
    const operation = await ended('rebooted');
    expect(operation).toMatchObject({ state: 'succeeded', problem: null });
    await expectWhole(servers.rebooted.server);
    const snapshot = await servers.rebooted.client.snapshot(snapshots.rebooted.uid);
    await servers.rebooted.goBackTo({ ...snapshots.rebooted, operation, snapshot });
  });

  it('those of the ones that were deleted and resized have failed, and nothing comes back on the host', async () => {
    for (const what of ['deleted', 'resized'] as const) {
      expect(await ended(what)).toMatchObject({ state: 'failed', problem: { code: 'not_found' } });
      expect(await servers[what].client.snapshot(snapshots[what].uid)).toMatchObject({ status: 'error' });
    }
    expect(readdirSync(cloud.file.instancesDir).filter((name) => name.startsWith(servers.deleted.id))).toEqual([]);

    const { server } = servers.resized;
    rmSync(server.dir, { recursive: true });
    renameSync(`${server.dir}_resize`, server.dir);
    await act(cloud.admin, server.id, { 'os-resetState': { state: 'active' } });
    await server.rebootHard();
    await expectWhole(server);
    await servers.resized.snapshotWell();
  });
});
