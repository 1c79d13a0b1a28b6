// Whether the ground that the other specs stand on holds: a server of the cloud, and the oracle that judges its disk.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AREA_BLOCKS, AREA_OFFSET } from './guest-disk.ts';
import { findServer, openCloud, virsh, type Cloud, type ProvingServer } from './index.ts';
import { life } from './lives/ground.ts';

let cloud: Cloud;
let server: ProvingServer;

beforeAll(async () => {
  cloud = await openCloud();
});
afterAll(() => cloud.close());

life('a server of the cloud', () => {
  beforeAll(async () => {
    server = await cloud.boot();
  });

  it('stands on the base image, writes, and finds its writes right', async () => {
    expect(await server.chain()).toEqual([
      server.disk,
      expect.stringMatching(new RegExp(`^${cloud.file.instancesDir}/_base/[0-9a-f]{40}$`)),
    ]);
    await server.wrote(200);
    expect(await server.verify()).toMatchObject({ damaged: 0, wrong: 0 });
  });

  it('shuts down in order when Nova stops it, with every write on its disk', async () => {
    const { acked } = await server.stat();
    await server.stop();
    expect(server.acked()).toBeGreaterThanOrEqual(acked);
    expect(await server.check()).toMatchObject({ good: true, op: server.acked() });
  });

  it('goes on from there when Nova starts it, and after both kinds of reboot', async () => {
    const before = server.acked();
    await server.start();
    await server.rebootSoft();
    await server.rebootHard();
    await server.wrote(50);
    const state = await server.state();
    expect(state).toMatchObject({ good: true, damaged: 0, wrong: 0 });
    expect(state.op).toBeGreaterThan(before);
  });

  it('is shown to its project alone', async () => {
    expect(await findServer(cloud.demo, server.id)).toMatchObject({ status: 'ACTIVE', host: undefined });
    expect(await findServer(cloud.admin, server.id)).toMatchObject({ host: cloud.file.host });
    expect(await findServer(await cloud.session('stranger'), server.id)).toBeNull();
  });

  it('leaves nothing when it is deleted', async () => {
    await cloud.delete(server);
    expect(await findServer(cloud.demo, server.id)).toBeNull();
    expect(existsSync(server.dir)).toBe(false);
  });
});

life('the oracle', () => {
  it('finds out a disk that lost a block, and one that went back in time', async () => {
    const other = await cloud.boot();
    await other.wrote(100);
    await other.stop();
    const early = `${other.disk}.early`;
    execFileSync('cp', [other.disk, early]);
    await other.start();
    await other.wrote(300);
    await other.stop();
    expect(await other.check()).toMatchObject({ good: true });

    expect(await other.check({}, early)).toMatchObject({ good: false });
    const broken = `${other.disk}.broken`;
    execFileSync('cp', [other.disk, broken]);
    execFileSync('qemu-io', [
      '-f',
      'qcow2',
      '-c',
      `write -P 0x55 ${AREA_OFFSET + (AREA_BLOCKS / 2) * 4096} 4k`,
      broken,
    ]);
    expect(await other.check({}, broken)).toMatchObject({ good: false });

    // And under Nova: it starts what it finds, and the guest's own reading tells.
    execFileSync('cp', [early, other.disk]);
    await other.start();
    expect(await other.state()).toMatchObject({ good: false });
    await cloud.delete(other);
  });
});

describe('a service of the cloud', () => {
  it('can be taken away and brought back', async () => {
    const api = cloud.service('nova-api');
    await api.stop();
    await expect(cloud.demo.ask('compute', 'GET', '/servers')).rejects.toThrow('fetch failed');
    await api.start();
    expect(await cloud.demo.ask('compute', 'GET', '/servers')).toMatchObject({ status: 200 });
    expect(await virsh('version')).toContain('QEMU');
  });
});
