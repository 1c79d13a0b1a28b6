import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FileId, InstanceId } from '@varve/core';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { InstanceFiles } from './instance-files.js';

const instance = '11111111-1111-4111-8111-111111111111' as InstanceId;
const layer = '22222222-2222-4222-8222-222222222222' as FileId;

let files: InstanceFiles;
let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'varve-files-'));
  files = new InstanceFiles(root);
  await mkdir(files.layerDirectory(instance, layer), { recursive: true });
});
afterEach(() => rm(root, { recursive: true }));

// A file system gives names in an order of its own: here by their hashes.
it.each(Array.from({ length: 16 }, (_, number) => `image-${number}`))(
  'the layer called %s is found beside what Nova writes there when it makes an image, and that is no layer',
  async (name) => {
    const directory = files.layerDirectory(instance, layer);
    await writeFile(join(directory, 'disk.info'), '{}');
    expect(await files.fileIn(instance, layer)).toBeNull();
    await writeFile(join(directory, name), 'a layer');
    expect(await files.fileIn(instance, layer)).toBe(join(directory, name));
    expect(await files.namedLayers(instance)).toMatchObject([{ file: layer, path: join(directory, name) }]);
  },
);
