import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { claimInstances } from './claim.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'varve-claim-'));
});
afterEach(() => rm(root, { recursive: true }));

it('is one worker’s at a time, by whatever name the directory goes', async () => {
  const first = await claimInstances(root, 0);
  await expect(claimInstances(root, 0)).rejects.toThrow('Another worker');
  const other = join(root, 'other-name');
  await symlink(root, other);
  await expect(claimInstances(other, 0)).rejects.toThrow('Another worker');
  first.release();
  (await claimInstances(other, 0)).release();
});

it('waits for one that is on its way out', async () => {
  const first = await claimInstances(root, 0);
  setTimeout(() => first.release(), 250);
  (await claimInstances(root, 10_000)).release();
});

it('leaves the workers of other directories alone', async () => {
  const other = await mkdtemp(join(tmpdir(), 'varve-claim-'));
  const claims = [await claimInstances(root, 0), await claimInstances(other, 0)];
  for (const claim of claims) claim.release();
  await rm(other, { recursive: true });
});
