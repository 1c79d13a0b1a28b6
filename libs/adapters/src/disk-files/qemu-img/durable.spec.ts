import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { watchSyncs } from '../../../../../testbed/watch-syncs.ts';
import { makeDirectory } from './durable.js';

it('syncs a directory that is there already: who made it may have died before', async () => {
  const root = await mkdtemp(join(tmpdir(), 'varve-durable-'));
  try {
    await mkdir(join(root, 'a'));
    const synced = await watchSyncs();
    await makeDirectory(root, join(root, 'a', 'b'), { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 });
    expect(synced).toEqual([root, join(root, 'a')]);
  } finally {
    await rm(root, { recursive: true });
  }
});
