import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chown, mkdir, mkdtemp, rename, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ChainDivergedError } from '@varve/core';
import type { FileId, InstanceId } from '@varve/core';
import { QemuImgDiskFiles } from './qemu-img-disk-files.js';

const run = promisify(execFile);
const qemuImg = (...args: string[]) => run('qemu-img', args);
const SIZE = 16 * 2 ** 20;

/** QEMU times its key derivation first, and on a fast machine now and then finds that it took no time at all. */
async function encrypted(options: string, disk: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await qemuImg('create', '-f', 'qcow2', '--object', 'secret,id=s,data=abc', '-o', options, disk, '4M');
      return;
    } catch (error) {
      if (tries === 20 || !String(error).includes('Unable to get accurate CPU usage')) throw error;
    }
  }
}

describe('disks that others made', () => {
  let root: string;
  let base: string;
  let files: QemuImgDiskFiles;
  let instance: InstanceId;
  let disk: string;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'varve-disks-'));
    base = join(root, 'base.raw');
    await writeFile(base, '');
    await truncate(base, SIZE);
    files = new QemuImgDiskFiles({ instancesDir: root, stateDir: root });
  });
  afterAll(() => rm(root, { recursive: true, force: true }));
  beforeEach(async () => {
    instance = randomUUID() as InstanceId;
    disk = join(root, instance, 'disk');
    await mkdir(dirname(disk));
  });
  const onBase = () => qemuImg('create', '-f', 'qcow2', '-F', 'raw', '-b', base, disk);
  const reason = async (): Promise<string> => {
    try {
      await files.findChain(instance);
      return 'accepted';
    } catch (error) {
      return (error as { code?: string }).code ?? String(error);
    }
  };

  it.each<[string, string, () => Promise<unknown>]>([
    ['raw', 'disk_not_qcow2', () => qemuImg('create', '-f', 'raw', disk, String(SIZE))],
    ['missing', 'disk_not_local', () => Promise.resolve()],
    ['a link to something else', 'disk_not_local', () => symlink('/dev/null', disk)],
    [
      'encrypted',
      'disk_encrypted',
      () => encrypted('encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10', disk),
    ],
    ['encrypted as before LUKS', 'disk_encrypted', () => encrypted('encrypt.format=aes,encrypt.key-secret=s', disk)],
    [
      'one with an internal snapshot',
      'disk_has_internal_snapshots',
      async () => {
        await onBase();
        await qemuImg('snapshot', '-c', 'mine', disk);
      },
    ],
    [
      'one with an external data file',
      'disk_has_data_file',
      () => qemuImg('create', '-f', 'qcow2', '-o', `data_file=${disk}.data`, disk, '4M'),
    ],
    ['on a base whose format is not named', 'disk_chain_unsupported', () => unnamedFormat()],
    [
      'on a base by a relative name',
      'disk_chain_unsupported',
      () => qemuImg('create', '-f', 'qcow2', '-F', 'raw', '-b', '../base.raw', disk),
    ],
    [
      'on a base that is missing',
      'disk_chain_unsupported',
      () => qemuImg('create', '-u', '-f', 'qcow2', '-F', 'raw', '-b', join(root, 'none'), disk, '4M'),
    ],
    [
      'on a base that has a backing file itself',
      'disk_chain_unsupported',
      async () => {
        await qemuImg('create', '-f', 'qcow2', '-F', 'raw', '-b', base, join(root, 'upper.qcow2'));
        await qemuImg('create', '-f', 'qcow2', '-F', 'qcow2', '-b', join(root, 'upper.qcow2'), disk);
      },
    ],
    [
      'on itself, as a corrupted chain may be',
      'disk_chain_unsupported',
      async () => {
        await onBase();
        await qemuImg('rebase', '-u', '-f', 'qcow2', '-F', 'qcow2', '-b', disk, disk);
      },
    ],
    [
      'on a base somewhere in the network',
      'disk_chain_unsupported',
      () => qemuImg('create', '-u', '-f', 'qcow2', '-F', 'raw', '-b', 'nbd://127.0.0.1:1/x', disk, '4M'),
    ],
    ['plain, on a raw base', 'accepted', onBase],
    [
      'plain, on a qcow2 base',
      'accepted',
      async () => {
        await qemuImg('create', '-f', 'qcow2', join(root, 'base.qcow2'), String(SIZE));
        await qemuImg('create', '-f', 'qcow2', '-F', 'qcow2', '-b', join(root, 'base.qcow2'), disk);
      },
    ],
    ['plain, on nothing', 'accepted', () => qemuImg('create', '-f', 'qcow2', disk, String(SIZE))],
  ])('%s: %s', async (_, code, make) => {
    await make();
    expect(await reason()).toBe(code);
  });

  /** As qemu-img of old wrote it: `-b` without `-F`. The format's extension is turned into an unknown one. */
  async function unnamedFormat(): Promise<void> {
    await onBase();
    const io = 'write -P 0 112 4';
    await run('qemu-io', ['-f', 'raw', '-c', io, disk]);
  }

  it('whose chain names a layer that is gone lack it', async () => {
    await onBase();
    const file = randomUUID() as FileId;
    await files.adoptDisk(instance, file);
    const overlay = randomUUID() as FileId;
    await files.createLayer(instance, overlay, { kind: 'layer', file }, SIZE);
    await files.pointDiskAt(instance, overlay);
    await rename(await files.layerPath(instance, file), join(root, 'taken-away'));
    await expect(files.findChain(instance)).rejects.toMatchObject({ code: 'layers_missing' });
  });

  it('keep their name disk: what it leads to is never removed, replaced, or called after two ids', async () => {
    await onBase();
    const file = randomUUID() as FileId;
    await files.adoptDisk(instance, file);
    await expect(files.adoptDisk(instance, randomUUID() as FileId)).rejects.toBeInstanceOf(ChainDivergedError);
    await expect(files.removeLayer(instance, file)).rejects.toBeInstanceOf(ChainDivergedError);
    await expect(files.createLayer(instance, file, null, SIZE)).rejects.toBeInstanceOf(ChainDivergedError);
    expect(await files.findChain(instance)).toHaveLength(1);
  });

  it('get layers that belong to whom the instance directory belongs to', async () => {
    await onBase();
    await chown(dirname(disk), 1234, 2345);
    const file = randomUUID() as FileId;
    await files.adoptDisk(instance, file);
    const overlay = randomUUID() as FileId;
    const copy = randomUUID() as FileId;
    await files.createLayer(instance, overlay, { kind: 'layer', file }, SIZE);
    await files.copyLayer(instance, overlay, copy);
    for (const made of [overlay, copy]) {
      const path = await files.layerPath(instance, made);
      for (const entry of [path, dirname(path), dirname(dirname(path))]) {
        expect(await stat(entry)).toMatchObject({ uid: 1234, gid: 2345 });
      }
    }
  });

  it('get copies whose backing link is the original’s even if it was changed on the way', async () => {
    await onBase();
    const file = randomUUID() as FileId;
    await files.adoptDisk(instance, file);
    const overlay = randomUUID() as FileId;
    const copy = randomUUID() as FileId;
    await files.createLayer(instance, overlay, { kind: 'layer', file }, SIZE);
    await files.copyLayer(instance, overlay, copy);
    const { stdout } = await qemuImg('info', '-f', 'qcow2', '--output=json', await files.layerPath(instance, copy));
    expect(JSON.parse(stdout)).toMatchObject({
      'backing-filename': await files.layerPath(instance, file),
      'backing-filename-format': 'qcow2',
      'format-specific': { data: { 'extended-l2': true } },
    });
  });
});
