import type { BaseImage, FileId, InstanceId, ProjectId } from '@varve/core';
import { FakeDiskFiles } from './fake-host-disk-files.js';
import type { FakeDiskOptions } from './fake-host-disk-files.js';
import type { FakeFile } from './fake-host-files.js';
import { FakeFileSystem } from './fake-host-files.js';
import { FakeCompute, FakeHypervisor } from './fake-host-hypervisor.js';
import type { FakeAgent, FakeInstance, Watcher } from './fake-host-instances.js';
import { FakeInstances } from './fake-host-instances.js';
import type { FakeQemu } from './fake-host-qemu.js';
import type { HostHarness, StartStyle } from './host-harness.js';

const BLOCK_BYTES = 4096;
const INSTANCES = '/instances';

/**
 * A hypervisor host in memory: names and inodes, qcow2 files block by block, QEMU processes that open files again by
 * name as the real ones do, locks, and the errors of the real adapters.
 */
export class FakeHost implements HostHarness {
  readonly hypervisor: FakeHypervisor;
  readonly diskFiles: FakeDiskFiles;
  readonly compute: FakeCompute;
  readonly startStyles: readonly StartStyle[] = ['drive', 'blockdev', 'chain'];
  readonly blockBytes = BLOCK_BYTES;
  readonly blockCount: number;
  readonly base: BaseImage = { path: '/base/_base/0a1b2c', format: 'raw' };
  private readonly fs = new FakeFileSystem();
  private readonly instances = new FakeInstances(this.fs);
  private readonly options: FakeDiskOptions;
  private ids = 0;

  constructor({ blockCount = 64, reflink = false }: { blockCount?: number; reflink?: boolean } = {}) {
    this.blockCount = blockCount;
    this.options = {
      blockBytes: BLOCK_BYTES,
      virtualSizeBytes: BLOCK_BYTES * blockCount,
      base: this.base,
      reflink,
      capacityBytes: 2 ** 40,
    };
    this.hypervisor = new FakeHypervisor(this.instances);
    this.diskFiles = new FakeDiskFiles(this.instances, this.options);
    this.compute = new FakeCompute(this.instances);
    const base = this.fs.create(this.base.path, null);
    for (let block = 0; block < blockCount; block++) this.fs.write(base, block, this.baseValue(block));
  }

  /** Told of every effect; see {@link Watcher}. */
  set watcher(watcher: Watcher | null) {
    this.instances.watcher = watcher;
  }

  set capacityBytes(bytes: number) {
    this.options.capacityBytes = bytes;
  }

  newId(): string {
    return `00000000-0000-4000-8000-${(++this.ids).toString(16).padStart(12, '0')}`;
  }

  newFileId(): FileId {
    return this.newId() as FileId;
  }

  async newInstance(_style: StartStyle = 'chain'): Promise<InstanceId> {
    const id = this.newId() as InstanceId;
    const directory = `${INSTANCES}/${id}`;
    this.fs.create(`${directory}/disk`, { path: this.base.path, format: this.base.format });
    this.instances.add({ id, projectId: 'demo' as ProjectId, directory, record: null, qemu: null, agent: 'works' });
    return id;
  }

  baseValue(block: number): number {
    return 200 + (block % 50);
  }

  async start(id: InstanceId): Promise<void> {
    await this.compute.start(id);
  }

  async powerCut(id: InstanceId): Promise<void> {
    this.cutPower(id);
  }

  /** The same, from within a {@link Watcher}. */
  cutPower(id: InstanceId): void {
    const instance = this.instances.require(id);
    instance.qemu?.end();
    instance.qemu = null;
  }

  async powerCutDuringCommit(id: InstanceId, from: FileId, into: FileId): Promise<unknown> {
    this.watcher = (point) => {
      if (point === 'amid commit: half') this.cutPower(id);
    };
    try {
      const [source, target] = [this.diskFiles.pathOf(id, from), this.diskFiles.pathOf(id, into)];
      await this.hypervisor.commit(id, source, target, { bytesPerSecond: 0 });
    } catch (error) {
      return error;
    } finally {
      this.watcher = null;
    }
    throw new Error('The power was not cut');
  }

  /** As a cold migration leaves it on the other host: `disk` alone arrived there. */
  moveDiskAlone(id: InstanceId): void {
    const instance = this.instances.require(id);
    this.copyDisk(instance, `${instance.directory}/disk`, 1);
    for (const path of this.fs.pathsUnder(`${instance.directory}/layers`)) this.fs.unlink(path);
    instance.record = null;
  }

  /** As a resize leaves it on this host: everything renamed, and a part of `disk` in its place. */
  resizeInVain(id: InstanceId): void {
    const instance = this.instances.require(id);
    for (const path of this.fs.pathsUnder(instance.directory)) {
      const file = this.fs.lookUp(path);
      if (file) this.fs.link(file, `${instance.directory}_resize${path.slice(instance.directory.length)}`);
    }
    this.copyDisk(instance, `${instance.directory}/disk`, 0.5);
    for (const path of this.fs.pathsUnder(`${instance.directory}/layers`)) this.fs.unlink(path);
    [instance.recordAside, instance.record] = [instance.record, null];
  }

  /** As a live migration of its blocks does it: the active layer's on a disk that stands on the base image. */
  makeDiskAnew(id: InstanceId): void {
    this.moveDiskAlone(id);
    const { path, format } = this.base;
    this.fs.setBacking(this.instances.diskOf(this.instances.require(id)), { path, format });
  }

  private copyDisk(instance: FakeInstance, to: string, share: number): void {
    const { backing, blocks } = this.instances.diskOf(instance);
    const copied = [...blocks].slice(0, Math.ceil(blocks.size * share));
    const copy = this.fs.create(to, backing);
    for (const [block, value] of copied) this.fs.write(copy, block, value);
  }

  async pause(id: InstanceId): Promise<void> {
    this.qemuOf(id).paused = true;
  }

  async guestWrite(id: InstanceId, block: number, value: number): Promise<void> {
    this.writeAsGuest(id, block, value);
  }

  async guestZero(id: InstanceId, block: number): Promise<void> {
    this.writeAsGuest(id, block, 0);
  }

  /** From within a {@link Watcher}. */
  writeAsGuest(id: InstanceId, block: number, value: number): void {
    const qemu = this.qemuOf(id);
    if (qemu.paused || qemu.frozen) throw new Error('The guest does not run');
    qemu.write(block, value);
  }

  async guestRead(id: InstanceId, block: number): Promise<number> {
    return this.qemuOf(id).read(block);
  }

  async coldRead(id: InstanceId, file: FileId | 'disk', block: number): Promise<number> {
    const value = this.fs.readThrough(this.fileOf(id, file), block);
    if (value === null) throw new Error('The chain on disk is broken');
    return value;
  }

  async startForeignJob(id: InstanceId): Promise<void> {
    this.qemuOf(id).foreignJob = 'drive-mirror of somebody else';
  }

  async close(): Promise<void> {
    for (const { id } of this.instances.all()) this.cutPower(id);
  }

  /** As somebody does who does not know what he deletes. */
  unlink(path: string): void {
    this.fs.unlink(path);
  }

  // ---- what tests look at

  /** The whole disk as the guest sees it; `null` when no QEMU runs. */
  liveView(id: InstanceId): number[] | null {
    const { qemu } = this.instances.require(id);
    return qemu && this.blocks((block) => qemu.read(block));
  }

  /** The whole disk as it would be after a start; `null` when the chain is broken. */
  coldView(id: InstanceId, file: FileId | 'disk' = 'disk'): number[] | null {
    const found = this.fileOf(id, file);
    const view = this.blocks((block) => this.fs.readThrough(found, block) ?? -1);
    return view.includes(-1) ? null : view;
  }

  /** Own layers: those that QEMU has in its chain, and those that the headers make out from `disk` down. */
  chainLengths(id: InstanceId): { open: number; cold: number } {
    const { qemu } = this.instances.require(id);
    let cold = 0;
    for (let file: FakeFile | null = this.fileOf(id, 'disk'); file?.backing; file = this.fs.lookUp(file.backing.path)) {
      cold++;
      if (cold > 32) break;
    }
    return { open: qemu ? qemu.chain.length - 1 : 0, cold };
  }

  qemu(id: InstanceId): FakeQemu | null {
    return this.instances.require(id).qemu;
  }

  instance(id: InstanceId): FakeInstance {
    return this.instances.require(id);
  }

  setAgent(id: InstanceId, agent: FakeAgent): void {
    this.instances.require(id).agent = agent;
  }

  /** The file behind a name, for a store that reads what it is given. */
  lookUp(path: string): FakeFile | null {
    return this.fs.lookUp(path);
  }

  private blocks(read: (block: number) => number): number[] {
    return Array.from({ length: this.blockCount }, (_, block) => read(block));
  }

  private fileOf(id: InstanceId, file: FileId | 'disk'): FakeFile {
    const path = file === 'disk' ? `${this.instances.require(id).directory}/disk` : this.diskFiles.pathOf(id, file);
    const found = this.fs.lookUp(path);
    if (!found) throw new Error(`No file ${path}`);
    return found;
  }

  private qemuOf(id: InstanceId): FakeQemu {
    return this.instances.runningQemu(id);
  }
}
