import { ChainDivergedError } from '@varve/core';
import { runDiskFilesSuite } from '@varve/ports/testing';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { makeRealHost } from '../../hypervisor/testing/real-host.js';

runDiskFilesSuite('qemu-img', () => makeRealHost());

it('keeps the active layer, whatever lies beside it: Nova writes there when it makes an image', async () => {
  const host = await makeRealHost();
  try {
    const instance = await host.newInstance('drive');
    const active = host.newFileId();
    await host.diskFiles.adoptDisk(instance, active);
    const path = await host.diskFiles.layerPath(instance, active);
    for (const name of ['disk.info', 'a', 'b', 'c', 'd', 'e']) await writeFile(join(dirname(path), name), '{}');
    await expect(host.diskFiles.removeLayer(instance, active)).rejects.toBeInstanceOf(ChainDivergedError);
    expect(await host.diskFiles.diskInode(instance)).not.toBeNull();
  } finally {
    await host.close();
  }
});
