import { constants } from 'node:fs';
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { mountXfs, type XfsMount } from './xfs.ts';

let xfs: XfsMount;
beforeAll(async () => {
  xfs = await mountXfs(320);
});
afterAll(async () => {
  await xfs.unmount();
});

it('a file on it is copied by reflink', async () => {
  const [from, to] = [join(xfs.dir, 'from'), join(xfs.dir, 'to')];
  await writeFile(from, Buffer.alloc(1 << 20, 1));
  await expect(copyFile(from, to, constants.COPYFILE_FICLONE_FORCE)).resolves.toBeUndefined();
});
