import { randomBytes } from 'node:crypto';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dataFrames, DataMapError } from './data-map.js';
import { FRAME_BYTES } from './frames.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'varve-data-map-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function fileWith(name: string, sizeBytes: number, data: readonly (readonly [number, number])[]) {
  const path = join(folder, name);
  const file = await open(path, 'w');
  await file.truncate(sizeBytes);
  for (const [offset, length] of data) await file.write(randomBytes(length), 0, length, offset);
  await file.sync();
  await file.close();
  return path;
}
const framesWithData = async (path: string, sizeBytes: number): Promise<number[]> => {
  const frames = await dataFrames(path, sizeBytes, new AbortController().signal);
  expect(frames).toHaveLength(Math.ceil(sizeBytes / FRAME_BYTES));
  return [...frames.keys()].filter((i) => frames[i] === 1);
};

describe('the map of a file’s data', () => {
  it.each([
    ['nothing', 0, [], []],
    ['a hole', 10 * FRAME_BYTES, [], []],
    ['its last byte', 3 * FRAME_BYTES + 1, [[3 * FRAME_BYTES, 1]], [3]],
    [
      'blocks here and there',
      900 * FRAME_BYTES,
      [
        [5, 1],
        [400 * FRAME_BYTES, 8192],
        [899 * FRAME_BYTES, 4096],
      ],
      [0, 400, 899],
    ],
    ['a run over a border', 9 * FRAME_BYTES, [[4 * FRAME_BYTES - 4096, 8192]], [3, 4]],
  ] as const)('that holds %s', async (name, sizeBytes, data, expected) => {
    const path = await fileWith(`${name}.img`, sizeBytes, data);
    expect(await framesWithData(path, sizeBytes)).toEqual(expected);
  });

  it('has every piece of a file in many', async () => {
    const data = Array.from({ length: 3000 }, (_, i) => [i * 65_536, 4096] as const);
    const path = await fileWith('pieces', 400 * FRAME_BYTES, data);
    const expected = Array.from({ length: Math.ceil((3000 * 65_536) / FRAME_BYTES) }, (_, i) => i);
    expect(await framesWithData(path, 400 * FRAME_BYTES)).toEqual(expected);
  });

  it('takes a name with a colon for a file', async () => {
    const path = await fileWith('nbd:localhost:1', FRAME_BYTES, [[0, 1]]);
    expect(await framesWithData(path, FRAME_BYTES)).toEqual([0]);
  });

  it('is not made up when the tool fails, nor waited for by who has given up', async () => {
    const missing = dataFrames(join(folder, 'missing'), 1, new AbortController().signal);
    await expect(missing).rejects.toBeInstanceOf(DataMapError);
    const reason = new Error('given up');
    await expect(dataFrames(folder, 1, AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});
