import { existsSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FileId, InstanceId } from '@varve/core';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { watchSyncs } from '../../../../../testbed/watch-syncs.ts';
import { inodeOf } from './durable.js';
import { InstanceFiles } from './instance-files.js';
import { takeSetAsideBack } from './set-aside.js';

const instance = '11111111-1111-4111-8111-111111111111' as InstanceId;
const layer = '22222222-2222-4222-8222-222222222222' as FileId;

let root: string;
let files: InstanceFiles;
/** What the instance's directory and `.varve` held when they were last synced, as long as there was another copy. */
let lasting: Map<string, string[]>;

/** As Nova leaves it: all of it beside, and a copy of `disk`. */
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'varve-aside-'));
  files = new InstanceFiles(root);
  lasting = new Map();
  const aside = files.aside(instance);
  await mkdir(join(aside, 'layers', layer), { recursive: true });
  await mkdir(join(aside, '.varve'));
  await writeFile(join(aside, 'layers', layer, 'base'), 'the layer');
  await writeFile(join(aside, 'disk'), 'the layer');
  await writeFile(join(aside, 'console.log'), 'what it said');
  await writeFile(join(aside, '.varve', 'digests.json'), '{}');
  const inode = await inodeOf(join(aside, 'layers', layer, 'base'));
  const record = {
    version: 1,
    instanceId: instance,
    base: null,
    virtualSizeBytes: 2 ** 20,
    files: [{ fileId: layer, asOf: null, layers: [], inode }],
    detached: null,
    safety: null,
    transient: [],
  };
  await writeFile(join(aside, '.varve', 'chain.json'), JSON.stringify(record));
  await mkdir(files.directory(instance));
  await writeFile(files.disk(instance), 'a part');
});
afterEach(() => rm(root, { recursive: true }));

async function takeBack(): Promise<void> {
  const aside = files.aside(instance);
  await watchSyncs((path) => {
    if (existsSync(aside)) lasting.set(path, readdirSync(path));
  });
  await takeSetAsideBack(files, instance);
}

function expectAllBack(): void {
  expect(existsSync(files.aside(instance))).toBe(false);
  expect(lasting.get(files.directory(instance))?.sort()).toEqual(['.varve', 'console.log', 'disk', 'layers']);
  expect(lasting.get(files.varve(instance))?.sort()).toEqual(['chain.json', 'digests.json', 'journals']);
}

it('syncs all that it moved back before what is left of the other directory goes', async () => {
  await takeBack();
  expectAllBack();
});

it('syncs also what an earlier life moved, the record last, and died', async () => {
  const aside = files.aside(instance);
  await mkdir(join(files.varve(instance), 'journals'), { recursive: true });
  for (const name of ['disk', 'console.log', 'layers', '.varve/digests.json', '.varve/chain.json']) {
    await rename(join(aside, name), join(files.directory(instance), name));
  }
  await takeBack();
  expectAllBack();
});
