// The whole product beside a real Nova: a writing server, its snapshots and rollbacks, and Nova's own doings in between.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCloud, type Cloud } from './index.ts';
import type { Point, ProtectedServer } from './protected-server.ts';
import { startVarve, type Varve } from './varve.ts';

let cloud: Cloud;
let varve: Varve;
let server: ProtectedServer;
const points: Point[] = [];

const bases = (): string[] => readdirSync(join(cloud.file.instancesDir, '_base')).sort();

beforeAll(async () => {
  cloud = await openCloud();
  varve = await startVarve(cloud);
  server = await varve.protect(await cloud.boot({ imageId: await cloud.ownImage() }));
});
afterAll(async () => {
  await varve?.close();
  await cloud?.close();
});

describe('a server of Nova', () => {
  it('is known to its project by its name', async () => {
    expect(await varve.client().instance(server.id)).toMatchObject({ id: server.id, projectId: cloud.demo.projectId });
  });

  it('is snapshotted five times while its guest writes, with Nova stopping, starting and rebooting it in between', async () => {
    const before = bases();
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
    expect(bases()).toEqual(before);
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

  it('is deleted with everything on the host, and its points stay', async () => {
    await cloud.delete(server.server);
    expect(existsSync(server.server.dir)).toBe(false);
  });
});
