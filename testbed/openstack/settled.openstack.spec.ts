// A server with layers is settled while its guest writes, after which Nova can do with it whatever it likes; the next
// snapshot protects it again.
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createImage, openCloud, settledImage, type Cloud } from './index.ts';
import type { ProtectedServer } from './protected-server.ts';
import { startVarve, type Varve } from './varve.ts';

let cloud: Cloud;
let varve: Varve;
let server: ProtectedServer;

beforeAll(async () => {
  cloud = await openCloud();
  varve = await startVarve(cloud, {
    conductorEnv: { VARVE_COMPUTE: 'nova', VARVE_NOVA_AMQP_URL: cloud.file.amqpUrl },
  });
  server = await varve.protect(await cloud.boot());
  for (let n = 0; n < 3; n++) {
    await server.server.wrote(100);
    await server.snapshotWell();
  }
});
afterAll(async () => {
  await varve?.close();
  await cloud?.close();
});

/** As a user would ask for it: to its end. */
async function settle(): Promise<void> {
  const { id } = await server.client.settle(server.id);
  expect(await server.finished(id)).toMatchObject({ state: 'succeeded', problem: null });
  expect(await server.server.chain()).toHaveLength(2);
}

describe('a settled server', () => {
  it('has one layer on the base image, and its guest noticed nothing', async () => {
    expect((await server.server.chain()).length).toBeGreaterThan(2);
    await settle();
    await server.expectSound();
  });

  it('gives an image while it runs', async () => {
    const image = cloud.forget(await createImage(cloud.demo, server.id, 'live'));
    expect(await settledImage(cloud.demo, image)).toMatchObject({ status: 'active' });
    await server.server.waitFor('ACTIVE');
    await server.expectSound();
  });

  it('is resized', async () => {
    const from = server.server.mark();
    await server.server.act({ resize: { flavorRef: cloud.file.flavors.large } });
    await server.server.booted(from);
    await server.server.waitFor('VERIFY_RESIZE');
    await server.server.act({ confirmResize: null });
    await server.server.waitFor('ACTIVE');
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
    await server.server.act({ suspend: null });
    await server.server.waitFor('SUSPENDED');
    await server.server.act({ resume: null });
    await server.server.waitFor('ACTIVE');
    await server.server.wrote(50);
    await server.expectSound();
  });

  it('is deleted, and nothing is left on the host', async () => {
    await cloud.delete(server.server);
    expect(existsSync(server.server.dir)).toBe(false);
  });
});
