// How many bytes of its disk a guest changed, seen from outside of the product: the disk before against the disk after.
import { execFile } from 'node:child_process';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const BLOCK_BYTES = 4096;
const CHUNK_BYTES = 4 * 2 ** 20;

/**
 * Does `change` and gives the number of bytes, in blocks of 4 KiB, that the disk then holds others in. Nothing may be
 * written before or after it, and what was written must be flushed.
 *
 * @param scratch - a folder with room for the disk, twice
 */
export async function bytesChangedBy(disk: string, scratch: string, change: () => Promise<void>): Promise<number> {
  const [before, after] = [join(scratch, 'before.raw'), join(scratch, 'after.raw')];
  const copy = (to: string): Promise<unknown> =>
    run('qemu-img', ['convert', '-U', '-f', 'qcow2', '-O', 'raw', disk, to]);
  try {
    await copy(before);
    await change();
    await copy(after);
    return await bytesDiffering(before, after);
  } finally {
    await Promise.all([before, after].map((path) => rm(path, { force: true })));
  }
}

async function bytesDiffering(one: string, other: string): Promise<number> {
  const files = await Promise.all([open(one), open(other)]);
  const [a, b] = [Buffer.alloc(CHUNK_BYTES), Buffer.alloc(CHUNK_BYTES)];
  try {
    const { size } = await files[0].stat();
    let differing = 0;
    for (let at = 0; at < size; at += CHUNK_BYTES) {
      await files[0].read(a, 0, CHUNK_BYTES, at);
      await files[1].read(b, 0, CHUNK_BYTES, at);
      if (a.equals(b)) continue;
      for (let block = 0; block < CHUNK_BYTES; block += BLOCK_BYTES) {
        if (a.compare(b, block, block + BLOCK_BYTES, block, block + BLOCK_BYTES) !== 0) differing += BLOCK_BYTES;
      }
    }
    return differing;
  } finally {
    await Promise.all(files.map((file) => file.close()));
  }
}
