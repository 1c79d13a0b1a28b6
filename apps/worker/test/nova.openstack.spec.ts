// The main job on a real Nova: its server is snapshotted while its guest writes and its users stop, start and reboot it,
// rolled back to one point and another, and then settled, after which Nova can do with it whatever it likes.
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createImage, openCloud, settledImage } from '../../../testbed/openstack/index.ts';
import type { Cloud } from '../../../testbed/openstack/index.ts';
import type { Point, ProtectedServer } from '../../../testbed/openstack/protected-server.ts';
import { startVarve } from '../../../testbed/openstack/varve.ts';
import type { Varve } from '../../../testbed/openstack/varve.ts';
import { WorkerHalt } from './support/worker-halt.js';

const HOOKS = '/etc/libvirt/hooks/qemu.d';
const GUARD = resolve(import.meta.dirname, '../../../packaging/libvirt/varve-guard');

let cloud: Cloud;
let varve: Varve;

beforeAll(async () => {
  cloud = await openCloud();
  varve = await startVarve(cloud, {
    conductorEnv: { VARVE_COMPUTE: 'nova', VARVE_NOVA_AMQP_URL: cloud.file.amqpUrl },
  });
});
afterAll(async () => {
  await varve?.close();
  await cloud?.close();
});

const bases = (): string[] => readdirSync(join(cloud.file.instancesDir, '_base')).sort();

describe('a server of Nova', () => {
  let server: ProtectedServer;
  const points: Point[] = [];
  const point = (n: number): Point => {
    const found = points[n];
    if (!found) throw new Error(`no point ${n}`);
    return found;
  };

  it('is snapshotted five times while its guest writes, and stopped, started and rebooted in between', async () => {
    server = await varve.protect(await cloud.boot());
    const between = [
      () => server.server.wrote(200),
      () => server.server.rebootHard(),
      () => server.server.wrote(200),
      async () => {
        await server.server.stop();
        await server.server.start();
      },
      () => server.server.rebootSoft(),
    ];
    const downloaded = bases();
    for (const step of between) {
      points.push(await server.snapshotWell());
      await step();
      await server.server.waitFor('ACTIVE');
    }
    await server.expectSound();
    expect(bases()).toEqual(downloaded);
  });

  it('is rolled back to the second point, and then to a later one', async () => {
    await server.goBackTo(point(1));
    await server.server.load();
    await server.server.wrote(100);
    await server.snapshotWell();
    await server.goBackTo(point(3));
    await server.server.load();
    await server.server.wrote(100);
    expect(await server.server.waitFor('ACTIVE')).toMatchObject({ taskState: null, powerState: 1 });
  });

  it('is settled while its guest writes: one layer on the base image', async () => {
    expect((await server.server.chain()).length).toBeGreaterThan(2);
    const { id } = await server.client.settle(server.id);
    expect(await server.finished(id)).toMatchObject({ state: 'succeeded', problem: null });
    expect(await server.server.chain()).toHaveLength(2);
    await server.expectSound();
  });

  it('then gives an image while it runs, is resized and rebooted', async () => {
    const image = cloud.forget(await createImage(cloud.demo, server.id, 'live'));
    expect(await settledImage(cloud.demo, image)).toMatchObject({ status: 'active' });
    const from = server.server.mark();
    await server.server.act({ resize: { flavorRef: cloud.file.flavors.large } });
    await server.server.booted(from);
    await server.server.waitFor('VERIFY_RESIZE');
    await server.server.act({ confirmResize: null });
    await server.server.waitFor('ACTIVE');
    await server.server.rebootHard();
    await server.expectHistory();
    await server.server.load();
  });

  it('is protected again by the next snapshot', async () => {
    const again = await server.snapshotWell();
    await server.server.wrote(100);
    await server.goBackTo(again);
  });

  it('is deleted, and nothing is left on the host', async () => {
    await cloud.delete(server.server);
    expect(readdirSync(cloud.file.instancesDir).filter((name) => name.startsWith(server.id))).toEqual([]);
    expect(existsSync(server.server.dir)).toBe(false);
  });
});

describe('the worker is killed between the switch and the move of `disk`, and Nova reboots at once', () => {
  beforeAll(async () => {
    // As `varve doctor --install-hook` does it, but with this test's settings.
    const settings = join(varve.cluster.root, 'worker.env');
    const { env } = varve.cluster.worker;
    writeFileSync(
      settings,
      Object.entries(env)
        .map(([name, value]) => `${name}="${value}"\n`)
        .join(''),
    );
    mkdirSync(HOOKS, { recursive: true });
    const hook = join(HOOKS, 'varve-guard');
    writeFileSync(hook, `#!/bin/sh\nVARVE_SETTINGS=${settings} exec ${GUARD} "$@"\n`);
    chmodSync(hook, 0o755);
    await restartLibvirt();
  });
  afterAll(async () => {
    rmSync(join(HOOKS, 'varve-guard'), { force: true });
    await restartLibvirt();
  });

  /** It looks for hooks when it starts; domains go on. */
  async function restartLibvirt(): Promise<void> {
    await cloud.service('libvirtd').stop();
    await cloud.service('libvirtd').start();
  }

  it('no flushed write is lost: the hook moves `disk` on first', async () => {
    const server = await varve.protect(await cloud.boot());
    await server.snapshotWell();
    const chain = await server.server.chain();
    const halt = new WorkerHalt(varve.cluster.worker, varve.haltFile);
    halt.ask('switch to overlay:unrecorded');
    const { operationId } = await server.client.createSnapshot(server.id, { quiesce: 'none' });
    expect(await halt.reached()).toBe(true);
    await varve.cluster.worker.kill();
    expect(await server.server.chain()).toEqual(chain);
    await server.server.wrote(200);
    await server.server.rebootHard();
    expect((await server.server.chain()).length).toBe(chain.length + 1);
    await server.expectHistory();
    varve.cluster.worker.start();
    expect(await server.finished(operationId)).toMatchObject({ state: 'succeeded' });
    await cloud.delete(server.server);
  });
});
