import {
  ChainDivergedError,
  DiskUnsupportedError,
  HypervisorRefusedError,
  InstanceRunningError,
  LayersGoneError,
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
} from '../disk-files.port.js';
import type { FakeFile } from './fake-host-files.js';
import { extentsOf, isOpenForWriting } from './fake-host-files.js';
import type { FakeInstance, FakeInstances } from './fake-host-instances.js';

export interface FakeDiskOptions {
  readonly blockBytes: number;
  readonly virtualSizeBytes: number;
  readonly base: BaseImage;
  reflink: boolean;
  /** Of the file system, used and free. */
  capacityBytes: number;
}

export class FakeDiskFiles implements DiskFiles {
  constructor(
    private readonly instances: FakeInstances,
    private readonly options: FakeDiskOptions,
  ) {}

  async diskPath(id: InstanceId): Promise<string> {
    return `${this.instances.require(id).directory}/disk`;
  }

  async layerPath(instance: InstanceId, file: FileId): Promise<string> {
    return this.pathOf(instance, file);
  }

  // ---- the record

  async readRecord(instance: InstanceId): Promise<ChainRecord | null> {
    this.look(instance);
    const { record } = this.instances.require(instance);
    return record === null ? null : (JSON.parse(record) as ChainRecord);
  }

  async writeRecord(record: ChainRecord): Promise<void> {
    const instance = this.instances.require(record.instanceId);
    this.effect(record.instanceId, 'write record', () => {
      instance.record = JSON.stringify(record);
    });
  }

  async readDigests(instance: InstanceId): Promise<StateDigests | null> {
    this.look(instance);
    return this.instances.require(instance).digests ?? null;
  }

  async writeDigests(id: InstanceId, digests: StateDigests | null): Promise<void> {
    const instance = this.instances.require(id);
    this.effect(id, 'write digests', () => {
      instance.digests = digests;
    });
  }

  // ---- looking

  async findChain(id: InstanceId): Promise<FoundLayer[]> {
    const { found, missing } = this.walk(id);
    if (missing === null) return found;
    throw new LayersGoneError('layers_missing', 'The disk stands on a layer that is not here', { fileId: missing });
  }

  async findBreak(id: InstanceId): Promise<ChainBreak | null> {
    const { found: layers, missing } = this.walk(id);
    const { path } = this.options.base;
    return missing === null ? null : { layers, missing, basePath: this.instances.fs.lookUp(path) && path };
  }

  async setAside(id: InstanceId): Promise<ChainRecord | null> {
    this.look(id);
    const { directory, recordAside } = this.instances.require(id);
    if (!recordAside) return null;
    const record = JSON.parse(recordAside) as ChainRecord;
    const under = this.instances.fs.pathsUnder(`${directory}_resize`);
    const isThere = record.files.every(({ fileId, inode }) =>
      under.some((path) => path.includes(`/${fileId}/`) && this.instances.fs.lookUp(path)?.inode === inode),
    );
    return isThere ? record : null;
  }

  async takeBack(id: InstanceId): Promise<void> {
    const instance = this.instances.require(id);
    const aside = `${instance.directory}_resize`;
    const paths = this.instances.fs.pathsUnder(aside);
    const diskFirst = [...paths.filter((path) => path.endsWith('/disk')), ...paths.filter((p) => !p.endsWith('/disk'))];
    for (const path of diskFirst) {
      this.effect(id, 'take back', () => {
        const file = this.instances.fs.lookUp(path);
        if (file) this.instances.fs.link(file, instance.directory + path.slice(aside.length));
        this.instances.fs.unlink(path);
      });
    }
    this.effect(id, 'take back', () => {
      instance.record = instance.recordAside ?? instance.record;
      instance.recordAside = null;
    });
  }

  private walk(id: InstanceId): { found: FoundLayer[]; missing: FileId | null } {
    this.look(id);
    const instance = this.instances.require(id);
    const found: FoundLayer[] = [];
    const seen = new Set<FakeFile>();
    const { virtualSizeBytes, base } = this.options;
    for (let path = `${instance.directory}/disk`; ;) {
      const file = this.instances.fs.lookUp(path);
      if (!file && found.length > 0) return { found, missing: path.split('/').at(-2) as FileId };
      if (!file) throw new ChainDivergedError('a file named disk', 'none');
      if (seen.has(file)) throw new DiskUnsupportedError('disk_chain_unsupported', 'its chain runs in a circle');
      seen.add(file);
      const permanent = this.instances.fs
        .pathsUnder(`${instance.directory}/layers`)
        .find((name) => this.instances.fs.lookUp(name) === file);
      found.push({ inode: file.inode, path: permanent ?? path, backing: file.backing, virtualSizeBytes });
      if (!file.backing || file.backing.path === base.path) return { found, missing: null };
      path = file.backing.path;
    }
  }

  async diskInode(id: InstanceId): Promise<string | null> {
    this.look(id);
    return this.instances.fs.lookUp(`${this.instances.require(id).directory}/disk`)?.inode ?? null;
  }

  async fingerprint(instance: InstanceId, file: FileId): Promise<Fingerprint | null> {
    this.look(instance);
    const found = this.fileOf(instance, file);
    if (!found) return null;
    const { inode, mtimeNs, ctimeNs } = found;
    return { inode, sizeBytes: this.bytesOf(found), mtimeNs: String(mtimeNs), ctimeNs: String(ctimeNs) };
  }

  async allocatedBytes(instance: InstanceId, file: FileId): Promise<number> {
    this.look(instance);
    const found = this.fileOf(instance, file);
    return found ? this.bytesOf(found) : 0;
  }

  async footprint(instance: InstanceId, file: FileId | 'disk'): Promise<Footprint | null> {
    this.look(instance);
    const { directory } = this.instances.require(instance);
    const found = file === 'disk' ? this.instances.fs.lookUp(`${directory}/disk`) : this.fileOf(instance, file);
    return found && { fileBytes: this.bytesOf(found), allocatedBytes: this.bytesOf(found) };
  }

  async isOpenForWriting(instance: InstanceId, file: FileId): Promise<boolean> {
    this.look(instance);
    const found = this.fileOf(instance, file);
    return found !== null && isOpenForWriting(found);
  }

  async extents(instance: InstanceId, file: FileId): Promise<Extent[]> {
    this.look(instance);
    return extentsOf(this.readable(instance, file), this.options.blockBytes);
  }

  async definesAllOf(instance: InstanceId, file: FileId, others: readonly FileId[]): Promise<boolean> {
    this.look(instance);
    const { blocks, unflushed } = this.existing(instance, file);
    return others.every((other) =>
      [...this.readable(instance, other).blocks.keys()].every((block) => blocks.has(block) && !unflushed?.has(block)),
    );
  }

  async freeBytes(instance: InstanceId): Promise<number> {
    this.look(instance);
    return this.free(instance);
  }

  async canReflink(instance: InstanceId): Promise<boolean> {
    this.look(instance);
    return this.options.reflink;
  }

  async baseDigest(base: BaseImage): Promise<{ sha256: string; sizeBytes: number }> {
    const file = this.instances.fs.lookUp(base.path);
    if (!file) throw new DiskUnsupportedError('disk_chain_unsupported', 'its base image is missing');
    return { sha256: 'ba5e'.repeat(16), sizeBytes: this.options.virtualSizeBytes };
  }

  async baseFacts(base: BaseImage): Promise<{ sizeBytes: number; sha256: string | null } | null> {
    return this.instances.fs.lookUp(base.path) && { sizeBytes: this.options.virtualSizeBytes, sha256: null };
  }

  async findBase(
    instance: InstanceId,
    { sha256 }: { sha256: string; sizeBytes: number; format: BaseImage['format'] },
  ): Promise<BaseImage | null> {
    this.look(instance);
    const { base } = this.options;
    return this.instances.fs.lookUp(base.path) && (await this.baseDigest(base)).sha256 === sha256 ? base : null;
  }

  // ---- changing

  async adoptDisk(id: InstanceId, file: FileId): Promise<{ inode: string }> {
    const disk = this.instances.diskOf(this.instances.require(id));
    const named = this.fileOf(id, file);
    if (named && named !== disk) throw new ChainDivergedError(`${file} to be what disk leads to`, named.inode);
    const other = this.layersOf(id).find((layer) => layer.file === disk && layer.id !== file);
    if (other) throw new ChainDivergedError('disk without a permanent name', other.id);
    this.effect(id, 'adopt disk', () => this.instances.fs.link(disk, this.pathOf(id, file)));
    return { inode: disk.inode };
  }

  async createLayer(
    id: InstanceId,
    file: FileId,
    backing: Backing | null,
    _virtualSizeBytes: number,
    clusters: 'extended' | 'plain' = 'extended',
  ): Promise<{ inode: string }> {
    this.instances.reached('before create layer', id);
    this.removeUnlessOpen(id, file);
    this.instances.reached('amid create layer', id);
    this.assertFree(id, 0, 'A new layer');
    const made = this.instances.fs.create(this.pathOf(id, file), this.backingOf(id, backing));
    if (clusters === 'plain') made.isPlain = true;
    this.instances.reached('after create layer', id);
    return { inode: made.inode };
  }

  async copyLayer(id: InstanceId, from: FileId, to: FileId): Promise<{ inode: string }> {
    const source = this.readable(id, from);
    if (source === this.instances.diskOf(this.instances.require(id))) this.instances.reached('copying disk', id);
    this.instances.reached('before copy layer', id);
    this.removeUnlessOpen(id, to);
    this.assertFree(id, this.options.reflink ? 0 : this.bytesOf(source), 'A new layer');
    // Not at one instant: a source that is written to meanwhile gives a torn copy.
    const numbers = [...source.blocks.keys()];
    const part: [number, number][] = [];
    for (const [i, block] of numbers.entries()) {
      if (i === numbers.length >> 1) this.instances.reached('amid copy layer', id);
      part.push([block, source.blocks.get(block) ?? 0]);
    }
    const copy = this.instances.fs.create(this.pathOf(id, to), source.backing);
    for (const [block, value] of part) this.instances.fs.write(copy, block, value);
    this.instances.reached('after copy layer', id);
    return { inode: copy.inode };
  }

  async setBacking(id: InstanceId, file: FileId, backing: Backing | null): Promise<void> {
    const found = this.writable(id, file);
    this.effect(id, 'set backing', () => {
      this.instances.fs.setBacking(found, this.backingOf(id, backing));
      delete found.supersedes;
    });
  }

  async commitOffline(id: InstanceId, from: FileId, into: FileId): Promise<void> {
    const source = this.readable(id, from);
    const target = this.writable(id, into);
    const below = source.backing && this.instances.fs.lookUp(source.backing.path);
    if (below !== target) throw new ChainDivergedError(`${from} on ${into}`, source.backing?.path ?? 'nothing');
    this.instances.reached('before commit offline', id);
    this.assertFree(id, this.bytesOf(source), 'Merging two layers');
    const blocks = [...source.blocks];
    for (const [i, [block, value]] of blocks.entries()) {
      if (i === blocks.length >> 1) this.instances.reached('amid commit offline', id);
      this.instances.fs.write(target, block, value);
    }
    this.instances.reached('after commit offline', id);
  }

  async checkLayer(instance: InstanceId, file: FileId): Promise<void> {
    this.look(instance);
    this.existing(instance, file);
  }

  async syncLayer(instance: InstanceId, file: FileId): Promise<void> {
    this.look(instance);
    delete this.existing(instance, file).supersedes;
  }

  async pointDiskAt(id: InstanceId, file: FileId): Promise<void> {
    const found = this.existing(id, file);
    this.effect(id, 'point disk', () => this.instances.fs.link(found, `${this.instances.require(id).directory}/disk`));
  }

  async removeLayer(id: InstanceId, file: FileId): Promise<void> {
    const found = this.fileOf(id, file);
    if (found) this.assertNotDisk(id, file, found);
    if (found && isOpenForWriting(found)) {
      throw new ChainDivergedError(`${file} not to be the active layer`, 'it is written to');
    }
    if (found && this.instances.fs.isNeededUntilSync(found)) {
      throw new Error(`A power cut now would have the chain need ${file} again`);
    }
    this.effect(id, 'remove layer', () => this.instances.fs.unlink(this.pathOf(id, file)));
  }

  async openWriter(id: InstanceId, fileId: FileId): Promise<ImageWriter> {
    const file = this.writable(id, fileId);
    if (file.openers.size > 0) throw new HypervisorRefusedError('qemu-nbd: Failed to get "write" lock');
    const opener = { readOnly: false };
    file.openers.add(opener);
    const { blockBytes } = this.options;
    const put = (offset: number, length: number, valueAt: (at: number) => number): void => {
      this.instances.reached('before write image', id);
      if (offset % blockBytes || length % blockBytes) throw new Error('The fake writes whole blocks');
      for (let at = 0; at < length; at += blockBytes) {
        this.instances.fs.write(file, (offset + at) / blockBytes, valueAt(at));
      }
    };
    return {
      write: async (offset, bytes) => put(offset, bytes.length, (at) => oneValueOf(bytes, at, blockBytes)),
      zero: async (offset, length) => put(offset, length, () => 0),
      finish: async () => {
        this.instances.reached('after write image', id);
        file.openers.delete(opener);
      },
      close: async () => {
        file.openers.delete(opener);
      },
    };
  }

  async openReader(id: InstanceId, fileId: FileId): Promise<ImageReader> {
    const file = this.readable(id, fileId);
    const { blockBytes } = this.options;
    return {
      read: async (offset, length) => {
        this.look(id);
        const bytes = Buffer.alloc(length);
        for (let at = 0; at < length; at += blockBytes) {
          const value = this.instances.fs.readThrough(file, (offset + at) / blockBytes);
          if (value === null) throw new HypervisorRefusedError('qemu-nbd did not open the layer');
          bytes.fill(value, at, at + blockBytes);
        }
        return bytes;
      },
      close: async () => {},
    };
  }

  async openFlat(id: InstanceId, fileId: FileId, _format: 'qcow2' | 'raw'): Promise<FlatImage> {
    const reader = await this.openReader(id, fileId);
    const { blockBytes, virtualSizeBytes } = this.options;
    return {
      sizeBytes: virtualSizeBytes,
      content: async function* () {
        for (let at = 0; at < virtualSizeBytes; at += blockBytes) yield await reader.read(at, blockBytes);
      },
      close: () => reader.close(),
    };
  }

  // ---- for the host and its tests

  /** Every layer file that has a permanent name. */
  layersOf(id: InstanceId): { id: FileId; file: FakeFile }[] {
    const directory = `${this.instances.require(id).directory}/layers`;
    return this.instances.fs.pathsUnder(directory).map((path) => ({
      id: path.slice(directory.length + 1).split('/')[0] as FileId,
      file: this.instances.fs.lookUp(path) as FakeFile,
    }));
  }

  fileOf(id: InstanceId, file: FileId): FakeFile | null {
    return this.instances.fs.lookUp(this.pathOf(id, file));
  }

  pathOf(id: InstanceId, file: FileId): string {
    const base = this.options.base.path.split('/').at(-1) ?? 'base';
    return `${this.instances.require(id).directory}/layers/${file}/${base}`;
  }

  // ---- shared

  private look(id: InstanceId): void {
    this.instances.reached('look', id);
  }

  private effect(id: InstanceId, name: string, change: () => void): void {
    this.instances.reached(`before ${name}`, id);
    change();
    this.instances.reached(`after ${name}`, id);
  }

  private existing(id: InstanceId, file: FileId): FakeFile {
    const found = this.fileOf(id, file);
    if (!found) throw new NotFoundError('layer file', file);
    return found;
  }

  private readable(id: InstanceId, file: FileId): FakeFile {
    const found = this.existing(id, file);
    if (isOpenForWriting(found)) throw new InstanceRunningError(id);
    return found;
  }

  private writable(id: InstanceId, file: FileId): FakeFile {
    const found = this.readable(id, file);
    if (found.openers.size > 0) throw new HypervisorRefusedError('Failed to get "write" lock');
    return found;
  }

  private removeUnlessOpen(id: InstanceId, file: FileId): void {
    const found = this.fileOf(id, file);
    if (!found) return;
    this.assertNotDisk(id, file, found);
    if (found.openers.size > 0) throw new InstanceRunningError(id);
    this.instances.fs.unlink(this.pathOf(id, file));
  }

  private assertNotDisk(id: InstanceId, file: FileId, found: FakeFile): void {
    if (this.instances.fs.lookUp(`${this.instances.require(id).directory}/disk`) !== found) return;
    throw new ChainDivergedError(`${file} not to be the active layer`, 'disk leads to it');
  }

  private backingOf(id: InstanceId, backing: Backing | null): FakeFile['backing'] {
    if (backing === null) return null;
    return backing.kind === 'base'
      ? { path: backing.base.path, format: backing.base.format }
      : { path: this.pathOf(id, backing.file), format: 'qcow2' };
  }

  private bytesOf(file: FakeFile): number {
    return (4 + file.places.size) * this.options.blockBytes;
  }

  private free(id: InstanceId): number {
    const instance: FakeInstance = this.instances.require(id);
    const files = new Set([this.instances.diskOf(instance), ...this.layersOf(id).map((layer) => layer.file)]);
    return this.options.capacityBytes - [...files].reduce((sum, file) => sum + this.bytesOf(file), 0);
  }

  private assertFree(id: InstanceId, needBytes: number, what: string): void {
    const free = this.free(id);
    if (free < needBytes) throw new NoSpaceError(needBytes, free, what);
  }
}

function oneValueOf(bytes: Buffer, at: number, length: number): number {
  const value = bytes[at] ?? 0;
  for (let i = at; i < at + length; i += 512) if (bytes[i] !== value) throw new Error('A block of two values');
  return value;
}
