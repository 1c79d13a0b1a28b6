import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commit, expectCold, expectLive, runningInstance, seal, write } from '@varve/ports/testing';
import { libvirtEngine } from '../testing/libvirt-engine.js';
import type { PrivateLibvirtd } from '../testing/private-libvirtd.js';
import { makeRealHost } from '../testing/real-host.js';
import type { RealHost } from '../testing/real-host.js';

describe('a domain that is suspended with a stale name in its chain', () => {
  let host: RealHost;
  let libvirt: PrivateLibvirtd;
  beforeAll(async () => {
    host = await makeRealHost({
      engine: async (places) => {
        const engine = await libvirtEngine(places);
        ({ libvirt } = engine);
        return engine;
      },
    });
    const hook = join(dirname(host.instancesDir), 'libvirt', 'etc', 'hooks', 'qemu');
    const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));
    const code = `
      import { text } from 'node:stream/consumers';
      import { join } from 'node:path';
      import { withTrueNames } from '${here('./true-names.ts')}';
      const xml = await text(process.stdin);
      const uuid = /<uuid>(.*)<\\/uuid>/.exec(xml)[1];
      process.stdout.write((await withTrueNames(xml, join('${host.instancesDir}', uuid))) ?? '');`;
    const module = join(dirname(host.instancesDir), 'hook.mts');
    await writeFile(module, code);
    const node = `${process.execPath} --experimental-transform-types --no-warnings --import ${here('../testing/ts-hooks.mjs')}`;
    await mkdir(dirname(hook), { recursive: true });
    await writeFile(hook, `#!/bin/sh\n[ "$2" = restore ] || exit 0\nexec ${node} ${module}\n`);
    await chmod(hook, 0o755);
    // libvirt looks for its hooks when it starts.
    await libvirt.away(() => Promise.resolve());
  });
  afterAll(() => host.close());

  it('goes on when the hook says the true names, and is merged and switched as ever', async () => {
    const { instance, boot, written } = await runningInstance(host, 'libvirt');
    await write(host, instance, written, 1);
    const second = await seal(host, instance, boot);
    await write(host, instance, written, 2, [1, 7]);
    const third = await seal(host, instance, second);
    await write(host, instance, written, 3, [2]);
    await host.hypervisor.closeLeftovers(instance);
    await libvirt.virsh('managedsave', instance);
    await libvirt.virsh('start', instance);
    await expectLive(host, instance, written);
    const open = (await host.hypervisor.openLayers(instance)) ?? [];
    expect(open[2]?.name).toBe(await host.diskFiles.layerPath(instance, boot));
    // Now QEMU knows the boot-time layer by its true name too, and it may be merged into.
    await write(host, instance, written, 4, [3]);
    await seal(host, instance, third);
    await commit(host, instance, third, second);
    await commit(host, instance, second, boot);
    await expectLive(host, instance, written);
    await expectCold(host, instance, 'disk', written);
  });
});
