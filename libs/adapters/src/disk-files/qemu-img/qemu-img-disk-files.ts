import {
  chmod,
  chown,
  constants,
  copyFile,
  link,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  statfs,
} from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import {
  ChainDivergedError,
  DiskUnsupportedError,
  HypervisorRefusedError,
  InstanceRunningError,
  NoSpaceError,
  NotFoundError,
} from '@varve/core';
import type { BaseImage, ChainRecord, Extent, FileId, InstanceId, StateDigests } from '@varve/core';
import type {
  Backing,
  ChainBreak,
  DiskFiles,
  Fingerprint,
  FlatImage,
  Footprint,
  FoundLayer,
  ImageReader,
  ImageWriter,
} from '@varve/ports';
import { BaseDigests } from './base-digests.js';
import { parseChainRecord } from './chain-record.js';
import { ifThere, inodeOf, inodeOrNull, makeDirectory, moveNameTo, replaceFile, sync } from './durable.js';
import { findChain, findLayers } from './find-chain.js';
import { openFlatImage } from './flat-image.js';
import { aloneImage, covers, readExtents } from './image-extents.js';
import { isLockedForWriting, isOpen } from './image-locks.js';
import { InstanceFiles } from './instance-files.js';
import { openNbdReader, openNbdWriter } from './nbd-image.js';
import { pourLayer } from './pour-layer.js';
import { readQcow2Header } from './qcow2-header.js';
import { formatDigests, parseDigests } from './state-digests-file.js';
import { readSetAside, takeSetAsideBack } from './set-aside.js';
import { runTool, THOROUGH, ToolFailedError } from './tools.js';
import type { ToolLimits } from './tools.js';

/** A 4 KiB write costs 4 KiB of layer; measured 14.6 times as much with plain 64 KiB clusters. */
const NEW_LAYER = (clusters: 'extended' | 'plain') =>
  // Without the last, XFS gives out 1 MiB at a time: 1024 random writes of 4 KiB took 31 MB instead of 4.2.
  `cluster_size=64k,extended_l2=${clusters === 'extended' ? 'on' : 'off'},lazy_refcounts=off,compat=1.1,extent_size_hint=0`;
/** Tables of a small layer, and then some: less than that left counts as full. */
const SPARE_BYTES = 2 ** 20;

export interface QemuImgDiskFilesOptions {
  /** Absolute; `<instancesDir>/<instance>/disk`. */
  readonly instancesDir: string;
  /** Absolute, must exist; a small cache that may be lost. */
  readonly stateDir: string;
  /** Absolute; where base images are kept for all. Nova's by default: `<instancesDir>/_base`. */
  readonly basesDir?: string;
}

/** The files of a system disk by QEMU's tools. Every image is named with its format; nothing is probed. */
export class QemuImgDiskFiles implements DiskFiles {
  private readonly files: InstanceFiles;
  private readonly digests: BaseDigests;
  private readonly basesDir: string;
  private readonly reflinks = new Map<number, boolean>();

  constructor({ instancesDir, stateDir, basesDir = join(instancesDir, '_base') }: QemuImgDiskFilesOptions) {
    this.basesDir = basesDir;
    this.files = new InstanceFiles(instancesDir);
    this.digests = new BaseDigests(stateDir);
  }

  diskPath(instance: InstanceId): Promise<string> {
    return Promise.resolve(this.files.disk(instance));
  }

  async layerPath(instance: InstanceId, file: FileId): Promise<string> {
    const existing = await this.files.fileIn(instance, file);
    if (existing !== null) return existing;
    return join(this.files.layerDirectory(instance, file), InstanceFiles.nameFor(await this.basePath(instance)));
  }

  // ---- the record

  async readRecord(instance: InstanceId): Promise<ChainRecord | null> {
    const text = await ifThere(readFile(this.files.record(instance), 'utf8'));
    return text === null ? null : parseChainRecord(text);
  }

  async writeRecord(record: ChainRecord): Promise<void> {
    const owner = await this.files.owner(record.instanceId);
    await makeDirectory(this.files.directory(record.instanceId), this.files.varve(record.instanceId), owner);
    const text = `${JSON.stringify(record, null, 2)}\n`;
    parseChainRecord(text);
    await this.noticingFullDisk(record.instanceId, text.length, () =>
      replaceFile(this.files.record(record.instanceId), text, owner),
    );
  }

  async readDigests(instance: InstanceId): Promise<StateDigests | null> {
    const text = await ifThere(readFile(this.files.digests(instance), 'utf8'));
    return text === null ? null : parseDigests(text);
  }

  async writeDigests(instance: InstanceId, digests: StateDigests | null): Promise<void> {
    const path = this.files.digests(instance);
    if (digests === null) return rm(path, { force: true });
    const owner = await this.files.owner(instance);
    const text = formatDigests(digests);
    await this.noticingFullDisk(instance, text.length, () => replaceFile(path, text, owner));
  }

  // ---- looking

  async findChain(instance: InstanceId): Promise<FoundLayer[]> {
    return (await findChain(this.files, instance)).layers;
  }

  async findBreak(instance: InstanceId): Promise<ChainBreak | null> {
    const { layers, missing } = await findLayers(this.files, instance);
    if (missing === null) return null;
    const basePath = this.files.cachedBase(missing.name);
    return { layers, missing: missing.file, basePath: (await inodeOrNull(basePath)) && basePath };
  }

  setAside(instance: InstanceId): Promise<ChainRecord | null> {
    return readSetAside(this.files, instance);
  }

  takeBack(instance: InstanceId): Promise<void> {
    return takeSetAsideBack(this.files, instance);
  }

  diskInode(instance: InstanceId): Promise<string | null> {
    return inodeOrNull(this.files.disk(instance));
  }

  async fingerprint(instance: InstanceId, file: FileId): Promise<Fingerprint | null> {
    const path = await this.files.fileIn(instance, file);
    const found = path && (await ifThere(stat(path, { bigint: true })));
    if (!found) return null;
    return {
      inode: `${found.dev}:${found.ino}`,
      sizeBytes: Number(found.size),
      mtimeNs: String(found.mtimeNs),
      ctimeNs: String(found.ctimeNs),
    };
  }

  async allocatedBytes(instance: InstanceId, file: FileId): Promise<number> {
    const path = await this.files.fileIn(instance, file);
    const found = path && (await ifThere(stat(path)));
    return found ? found.blocks * 512 : 0;
  }

  async footprint(instance: InstanceId, file: FileId | 'disk'): Promise<Footprint | null> {
    const path = file === 'disk' ? this.files.disk(instance) : await this.files.fileIn(instance, file);
    const found = path === null ? null : await ifThere(stat(path));
    return found && { fileBytes: found.size, allocatedBytes: found.blocks * 512 };
  }

  async isOpenForWriting(instance: InstanceId, file: FileId): Promise<boolean> {
    const path = await this.files.fileIn(instance, file);
    return path !== null && isLockedForWriting(path);
  }

  async extents(instance: InstanceId, file: FileId): Promise<Extent[]> {
    const path = await this.closedFile(instance, file);
    return this.withTool(() => readExtents(path));
  }

  async definesAllOf(instance: InstanceId, file: FileId, others: readonly FileId[]): Promise<boolean> {
    const own = await this.existingFile(instance, file);
    for (const other of others) {
      const needed = await this.extents(instance, other);
      if (!covers(await this.withTool(() => readExtents(own)), needed)) return false;
    }
    return true;
  }

  async freeBytes(instance: InstanceId): Promise<number> {
    await this.files.owner(instance);
    const { bavail, bsize } = await statfs(this.files.directory(instance));
    return bavail * bsize;
  }

  async canReflink(instance: InstanceId): Promise<boolean> {
    const owner = await this.files.owner(instance);
    const { dev } = await stat(this.files.directory(instance));
    const known = this.reflinks.get(dev);
    if (known !== undefined) return known;
    await makeDirectory(this.files.directory(instance), this.files.varve(instance), owner);
    const can = await tryReflink(this.files.varve(instance));
    this.reflinks.set(dev, can);
    return can;
  }

  baseDigest(base: BaseImage): Promise<{ sha256: string; sizeBytes: number }> {
    return this.digests.of(base);
  }

  async baseFacts(base: BaseImage): Promise<{ sizeBytes: number; sha256: string | null } | null> {
    const found = await ifThere(stat(base.path));
    return found && { sizeBytes: found.size, sha256: await this.digests.known(base) };
  }

  async findBase(
    instance: InstanceId,
    { format, ...wanted }: { sha256: string; sizeBytes: number; format: BaseImage['format'] },
  ): Promise<BaseImage | null> {
    const own = (await this.readRecord(instance))?.base;
    const others = (await ifThere(readdir(this.basesDir))) ?? [];
    for (const path of [...(own ? [own.path] : []), ...others.map((name) => join(this.basesDir, name))]) {
      const found = await ifThere(stat(path));
      // Only what may be it is read: base images are large.
      if (!found?.isFile() || found.size !== wanted.sizeBytes) continue;
      const base = { path, format };
      if ((await this.baseDigest(base)).sha256 === wanted.sha256) return base;
    }
    return null;
  }

  // ---- changing

  async adoptDisk(instance: InstanceId, file: FileId): Promise<{ inode: string }> {
    const disk = this.files.disk(instance);
    const inode = await this.diskInode(instance);
    if (inode === null) throw new ChainDivergedError('a file named disk', 'none');
    const named = (await this.files.namedLayers(instance)).find((layer) => layer.inode === inode);
    if (named && named.file !== file) throw new ChainDivergedError(`disk without a permanent name`, named.file);
    const path = await this.layerPath(instance, file);
    await this.makeLayerDirectory(instance, path);
    const there = await inodeOrNull(path);
    if (there !== null && there !== inode) throw new ChainDivergedError(`${file} to be what disk leads to`, there);
    if (there === null) await link(disk, path);
    await sync(path);
    await sync(dirname(path));
    return { inode };
  }

  async createLayer(
    instance: InstanceId,
    file: FileId,
    backing: Backing | null,
    virtualSizeBytes: number,
    clusters: 'extended' | 'plain' = 'extended',
  ): Promise<{ inode: string }> {
    const path =
      backing?.kind === 'base'
        ? join(this.files.layerDirectory(instance, file), InstanceFiles.nameFor(backing.base.path))
        : await this.layerPath(instance, file);
    await this.removeUnlessOpen(instance, file);
    const below = await this.backingArguments(instance, backing);
    return this.making(instance, path, SPARE_BYTES, async (part) => {
      // -u: the backing file isn't opened, so that no lock of a running QEMU is in the way.
      const options = ['-f', 'qcow2', '-u', ...below, '-o', NEW_LAYER(clusters)];
      await this.tool(['create', '-q', ...options, part, String(virtualSizeBytes)]);
    });
  }

  async copyLayer(instance: InstanceId, from: FileId, to: FileId): Promise<{ inode: string }> {
    const source = await this.closedFile(instance, from);
    await this.removeUnlessOpen(instance, to);
    const path = join(this.files.layerDirectory(instance, to), basename(source));
    const needBytes = (await this.canReflink(instance)) ? SPARE_BYTES : await this.allocatedBytes(instance, from);
    return this.making(instance, path, needBytes, async (part) => {
      await runTool('cp', ['--reflink=auto', '--sparse=auto', '--', source, part], THOROUGH);
      await this.mendBacking(source, part);
    });
  }

  async setBacking(instance: InstanceId, file: FileId, backing: Backing | null): Promise<void> {
    const path = await this.closedFile(instance, file);
    const below = backing === null ? ['-b', ''] : await this.backingArguments(instance, backing);
    await this.tool(['rebase', '-q', '-u', '-f', 'qcow2', ...below, path]);
    await sync(path);
  }

  async commitOffline(instance: InstanceId, from: FileId, into: FileId): Promise<void> {
    const source = await this.closedFile(instance, from);
    const target = await this.closedFile(instance, into);
    const { backing } = await readQcow2Header(source);
    if (backing === null || (await inodeOrNull(backing.path)) !== (await inodeOf(target))) {
      throw new ChainDivergedError(
        `${from} on ${into}`,
        `${from} on ${backing ? basename(dirname(backing.path)) : '-'}`,
      );
    }
    await this.assertFree(instance, await this.allocatedBytes(instance, from), 'Merging two layers');
    const writer = await openNbdWriter(target, await cacheFor(target), () => this.freeBytes(instance));
    try {
      await pourLayer(source, await this.withTool(() => readExtents(source)), writer);
      await writer.finish();
    } finally {
      await writer.close();
    }
  }

  async checkLayer(instance: InstanceId, file: FileId): Promise<void> {
    const path = await this.existingFile(instance, file);
    try {
      await runTool('qemu-img', ['check', '-q', aloneImage(path)], THOROUGH);
    } catch (error) {
      if (!(error instanceof ToolFailedError)) throw error;
      // 3: leaked clusters, space lost after a crash. 2: damage. 1: it could not be checked.
      if (error.exitCode === 3) return;
      if (error.exitCode !== 2) throw toolRefused(error);
      const corrupt = new DiskUnsupportedError('disk_corrupt', `The layer is damaged: ${error.stderr.trim()}`);
      corrupt.cause = error;
      throw corrupt;
    }
  }

  async syncLayer(instance: InstanceId, file: FileId): Promise<void> {
    const path = await this.existingFile(instance, file);
    await sync(path);
    await sync(dirname(path));
  }

  async pointDiskAt(instance: InstanceId, file: FileId): Promise<void> {
    await moveNameTo(this.files.disk(instance), await this.existingFile(instance, file));
  }

  async removeLayer(instance: InstanceId, file: FileId): Promise<void> {
    const directory = this.files.layerDirectory(instance, file);
    // Whatever lies there goes with it.
    for (const name of (await ifThere(readdir(directory))) ?? []) {
      const path = join(directory, name);
      await this.assertNotDisk(instance, file, path);
      if (await isLockedForWriting(path)) {
        throw new ChainDivergedError(`${file} not to be the active layer`, 'it is written to');
      }
    }
    await rm(directory, { recursive: true, force: true });
    await ifThere(sync(this.files.layers(instance)));
  }

  async openWriter(instance: InstanceId, file: FileId): Promise<ImageWriter> {
    const path = await this.closedFile(instance, file);
    return openNbdWriter(path, await cacheFor(path), () => this.freeBytes(instance));
  }

  async openReader(instance: InstanceId, file: FileId): Promise<ImageReader> {
    return openNbdReader(await this.closedFile(instance, file));
  }

  async openFlat(instance: InstanceId, file: FileId, format: 'qcow2' | 'raw'): Promise<FlatImage> {
    const path = await this.closedFile(instance, file);
    return this.withTool(() => openFlatImage(path, format));
  }

  // ---- shared

  /** What layers are called after: what the headers say now, or said last. */
  private async basePath(instance: InstanceId): Promise<string | null> {
    if ((await this.diskInode(instance)) !== null) {
      const { base, missing } = await findLayers(this.files, instance);
      // Layers are called after the base image, so one that is not here tells its name as well.
      return base?.path ?? missing?.name ?? null;
    }
    return (await this.readRecord(instance))?.base?.path ?? null;
  }

  private async existingFile(instance: InstanceId, file: FileId): Promise<string> {
    const path = await this.files.fileIn(instance, file);
    if (path === null) throw new NotFoundError('layer file', file);
    return path;
  }

  /** @throws {InstanceRunningError} some process writes to it */
  private async closedFile(instance: InstanceId, file: FileId): Promise<string> {
    const path = await this.existingFile(instance, file);
    if (await isLockedForWriting(path)) throw new InstanceRunningError(instance);
    return path;
  }

  private async removeUnlessOpen(instance: InstanceId, file: FileId): Promise<void> {
    const path = await this.files.fileIn(instance, file);
    if (path === null) return;
    await this.assertNotDisk(instance, file, path);
    if (await isOpen(path)) throw new InstanceRunningError(instance);
    await rm(path);
  }

  private async assertNotDisk(instance: InstanceId, file: FileId, path: string): Promise<void> {
    if ((await inodeOrNull(path)) !== (await this.diskInode(instance))) return;
    throw new ChainDivergedError(`${file} not to be the active layer`, 'disk leads to it');
  }

  private async backingArguments(instance: InstanceId, backing: Backing | null): Promise<string[]> {
    if (backing === null) return [];
    if (backing.kind === 'base') return ['-F', backing.base.format, '-b', backing.base.path];
    return ['-F', 'qcow2', '-b', await this.layerPath(instance, backing.file)];
  }

  private async makeLayerDirectory(instance: InstanceId, path: string): Promise<void> {
    const owner = await this.files.owner(instance);
    await makeDirectory(this.files.directory(instance), dirname(path), owner);
  }

  /** Makes a file beside its final name and gives it that name when it is whole and on the disk. */
  private async making(
    instance: InstanceId,
    path: string,
    needBytes: number,
    make: (part: string) => Promise<void>,
  ): Promise<{ inode: string }> {
    await this.assertFree(instance, needBytes, 'A new layer');
    const owner = await this.files.owner(instance);
    const part = join(dirname(path), `.${basename(path)}.part`);
    return this.noticingFullDisk(instance, needBytes, async () => {
      await this.makeLayerDirectory(instance, path);
      await rm(part, { force: true });
      try {
        await this.withTool(() => make(part));
        await chown(part, owner.uid, owner.gid);
        await chmod(part, 0o644);
        await sync(part);
        await rename(part, path);
      } catch (error) {
        await rm(part, { force: true });
        throw error;
      }
      await sync(dirname(path));
      return { inode: await inodeOf(path) };
    });
  }

  /** A copy may only stand on what its source stands on. */
  private async mendBacking(source: string, copy: string): Promise<void> {
    const wanted = (await readQcow2Header(source)).backing;
    const found = (await readQcow2Header(copy)).backing;
    if (found?.path === wanted?.path && found?.format === wanted?.format) return;
    const below = wanted ? ['-F', wanted.format ?? 'qcow2', '-b', wanted.path] : ['-b', ''];
    await this.tool(['rebase', '-q', '-u', '-f', 'qcow2', ...below, copy]);
  }

  private async assertFree(instance: InstanceId, needBytes: number, what: string): Promise<void> {
    const free = await this.freeBytes(instance);
    if (free < needBytes + SPARE_BYTES) throw new NoSpaceError(needBytes, free, what);
  }

  /** Tools say "no space" only in words; so does the file system, by what is left of it. */
  private async noticingFullDisk<T>(instance: InstanceId, needBytes: number, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const free = await this.freeBytes(instance);
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC' && free >= SPARE_BYTES) throw error;
      const full = new NoSpaceError(needBytes, free, 'A new layer');
      full.cause = error;
      throw full;
    }
  }

  private async tool(args: readonly string[], limits?: ToolLimits): Promise<void> {
    await this.withTool(() => runTool('qemu-img', args, limits));
  }

  private async withTool<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw error instanceof ToolFailedError ? toolRefused(error) : error;
    }
  }
}

const toolRefused = (error: ToolFailedError): HypervisorRefusedError =>
  new HypervisorRefusedError(error.message, { tool: error.tool }, { cause: error });

/** O_DIRECT keeps a merge out of the host's page cache; not every file system has it. */
async function cacheFor(path: string): Promise<'none' | 'writeback'> {
  try {
    await (await open(path, constants.O_RDONLY | constants.O_DIRECT)).close();
    return 'none';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EINVAL') return 'writeback';
    throw error;
  }
}

async function tryReflink(directory: string): Promise<boolean> {
  const source = join(directory, `.reflink-${process.pid}`);
  const copy = `${source}.copy`;
  try {
    const handle = await open(source, 'w');
    await handle.write(Buffer.alloc(4_096, 1));
    await handle.close();
    await copyFile(source, copy, constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOTSUP' || code === 'EXDEV' || code === 'EINVAL' || code === 'ENOTTY' || code === 'ENOSYS')
      return false;
    throw error;
  } finally {
    await rm(source, { force: true });
    await rm(copy, { force: true });
  }
}
