import { execFile } from 'node:child_process';
import { open, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openFlatImage } from './flat-image.js';

const run = promisify(execFile);
const GIB = 2 ** 30;
let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'varve-flat-'));
});
afterEach(() => rm(dir, { recursive: true }));

/** `[base] <- [layer]`, with data, holes and zeros over data in odd places. */
async function chain(sizeBytes: number, baseFormat: 'raw' | 'qcow2'): Promise<string> {
  const [base, layer] = [join(dir, 'base'), join(dir, 'layer')];
  await run('qemu-img', ['create', '-q', '-f', baseFormat, base, String(200 * 2 ** 20)]);
  const write = (file: string, format: string, ...commands: string[]) =>
    run('qemu-io', ['-f', format, ...commands.flatMap((command) => ['-c', command]), file]);
  await write(base, baseFormat, 'write -P 1 0 3M', 'write -P 2 70000k 4k', 'write -P 3 150M 10M');
  const options = ['-o', 'cluster_size=64k,extended_l2=on', '-F', baseFormat, '-b', base];
  await run('qemu-img', ['create', '-q', '-f', 'qcow2', ...options, layer, String(sizeBytes)]);
  await write(
    layer,
    'qcow2',
    'write -P 4 1028k 4k',
    'write -z 1M 512k',
    'write -z 152M 5M',
    'write -P 5 600M 1234k',
    `write -P 6 ${sizeBytes - 4096} 4096`,
  );
  return layer;
}

async function save(layer: string, format: 'qcow2' | 'raw'): Promise<{ path: string; sizeBytes: number }> {
  const path = join(dir, `image.${format}`);
  const flat = await openFlatImage(layer, format);
  const file = await open(path, 'w');
  try {
    let at = 0;
    for await (const piece of flat.content()) {
      await file.write(piece, 0, piece.length, at);
      at += piece.length;
    }
    expect(at).toBe(flat.sizeBytes);
    return { path, sizeBytes: flat.sizeBytes };
  } finally {
    await file.close();
    await flat.close();
  }
}

describe('a flat image', () => {
  it.each([
    ['raw' as const, GIB],
    ['qcow2' as const, 3 * GIB + 4096 * 3],
    ['raw' as const, 100 * GIB],
  ])(
    'on a %s base, of %d bytes, is what the chain shows, and leaves out what is zero',
    async (baseFormat, sizeBytes) => {
      const layer = await chain(sizeBytes, baseFormat);
      const image = await save(layer, 'qcow2');
      expect((await stat(image.path)).size).toBe(image.sizeBytes);
      // 16 MiB of data, and tables.
      expect(image.sizeBytes).toBeLessThan(22 * 2 ** 20);
      const checked = await run('qemu-img', ['check', '-f', 'qcow2', '--output=json', image.path]);
      expect(JSON.parse(checked.stdout)).toMatchObject({ 'check-errors': 0 });
      expect(checked.stdout).not.toMatch(/leaks|corruptions/);
      await run('qemu-img', ['compare', '-f', 'qcow2', '-F', 'qcow2', image.path, layer]);
      const { stdout } = await run('qemu-img', ['info', '--output=json', '-f', 'qcow2', image.path]);
      expect(JSON.parse(stdout)).toMatchObject({ 'virtual-size': sizeBytes });
      expect(stdout).not.toContain('backing');
    },
  );

  it('is the same each time, and raw is the disk itself', async () => {
    const layer = await chain(GIB - 4096, 'raw');
    const image = await save(layer, 'raw');
    expect(image.sizeBytes).toBe(GIB - 4096);
    await run('qemu-img', ['compare', '-f', 'raw', '-F', 'qcow2', image.path, layer]);
    const flat = await openFlatImage(layer, 'qcow2');
    const once = [await collect(flat.content()), await collect(flat.content())];
    await flat.close();
    expect(once[0]?.equals(once[1] ?? Buffer.alloc(0))).toBe(true);
  });

  it('of a disk that nobody wrote to holds nothing but tables', async () => {
    const layer = join(dir, 'empty');
    await run('qemu-img', ['create', '-q', '-f', 'qcow2', layer, String(GIB)]);
    const { path, sizeBytes } = await save(layer, 'qcow2');
    expect(sizeBytes).toBe(4 * 65_536);
    await run('qemu-img', ['compare', '-f', 'qcow2', '-F', 'qcow2', path, layer]);
  });
});

async function collect(content: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of content) pieces.push(piece);
  return Buffer.concat(pieces);
}
