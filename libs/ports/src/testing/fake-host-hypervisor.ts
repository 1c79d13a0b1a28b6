import {
  ChainDivergedError,
  DiskBusyError,
  HypervisorRefusedError,
  OutcomeUnknownError,
  QuiesceFailedError,
} from '@varve/core';
import type { BaseImage, InstanceId } from '@varve/core';
import type { Compute } from '../compute.port.js';
import type { Freeze, Hypervisor, InstanceDescription, OpenLayer, PowerState } from '../hypervisor.port.js';
import type { FakeInstance, FakeInstances } from './fake-host-instances.js';
import type { FakeNode } from './fake-host-qemu.js';
import { FakeQemu } from './fake-host-qemu.js';

/** The fake's QEMU processes, asked as the real adapters ask theirs, in as many separate commands. */
export class FakeHypervisor implements Hypervisor {
  canReplaceBacking = true;
  settlesUnderDiskName = false;
  /**
   * Whether this adapter looks again itself at what callers are to see to. Off where a test shall find out what happens
   * if they don't.
   */
  isCareful = true;

  constructor(private readonly instances: FakeInstances) {}

  async list(): Promise<InstanceDescription[]> {
    return this.instances.all().map((instance) => this.describe(instance));
  }

  async find(id: InstanceId): Promise<InstanceDescription | null> {
    const instance = this.instances.find(id);
    if (instance) this.instances.reached('look', id);
    return instance && this.describe(instance);
  }

  async powerState(id: InstanceId): Promise<PowerState> {
    this.instances.reached('look', id);
    return this.instances.stateOf(this.instances.require(id));
  }

  async openLayers(id: InstanceId): Promise<OpenLayer[] | null> {
    this.instances.reached('look', id);
    const { qemu } = this.instances.require(id);
    if (!qemu) return null;
    return qemu.chain.map(({ name, readOnly }) => ({
      name,
      inode: this.instances.fs.lookUp(name)?.inode ?? null,
      readOnly,
    }));
  }

  async foreignJob(id: InstanceId): Promise<string | null> {
    this.instances.reached('look', id);
    return this.instances.runningQemu(id).foreignJob;
  }

  async switchToOverlay(id: InstanceId, overlay: string, _deadlineMs: number): Promise<{ stallMs: number }> {
    this.instances.reached('before switch', id);
    const file = this.instances.fs.lookUp(overlay);
    if (file === this.instances.runningQemu(id).active.file) throw new OutcomeUnknownError('It writes there already');
    const qemu = this.idleQemu(id);
    const standsOn = file?.backing ? this.instances.fs.lookUp(file.backing.path) : null;
    if (this.isCareful && standsOn !== this.instances.fs.lookUp(qemu.active.name)) {
      throw new ChainDivergedError(qemu.active.name, file?.backing?.path ?? 'nothing');
    }
    qemu.closeLoose();
    const node = qemu.open(overlay, false);
    qemu.loose.push(node);
    this.instances.reached('amid switch', id);
    this.instances.assertStillThere(id, qemu);
    qemu.snapshot(node);
    this.instances.reached('switched', id);
    this.instances.assertStillThere(id, qemu);
    return { stallMs: 1 };
  }

  async commit(
    id: InstanceId,
    from: string,
    into: string,
    options: { bytesPerSecond: number; onProgress?: (doneBytes: number, totalBytes: number) => void },
  ): Promise<void> {
    this.instances.reached('before commit', id);
    const qemu = this.idleQemu(id);
    const [source, target] = [this.instances.fs.lookUp(from), this.instances.fs.lookUp(into)];
    if (!source || !target) throw new ChainDivergedError(from, 'no such file');
    const isMerged = (): boolean =>
      qemu.chain[1]?.file === target &&
      qemu.chain.every(({ file }) => file !== source) &&
      qemu.active.file.backing?.path === into;
    if (!qemu.job && !isMerged()) {
      this.assertMayCommit(qemu, source.inode, into);
      const node = (file: typeof source): FakeNode => {
        const found = qemu.chain.find((candidate) => candidate.file === file);
        if (!found) throw new ChainDivergedError(from, 'not in the chain');
        return found;
      };
      qemu.startCommit(node(source), node(target), from, into);
      this.instances.reached('amid commit: begun', id);
    }
    this.follow('commit', id, qemu, options);
    if (this.isCareful && !isMerged()) throw new HypervisorRefusedError('The merge ended without being done');
    qemu.closeLoose();
    this.instances.reached('after commit', id);
  }

  async stream(
    id: InstanceId,
    base: BaseImage | null,
    options: { bytesPerSecond: number; onProgress?: (doneBytes: number, totalBytes: number) => void },
  ): Promise<void> {
    this.instances.reached('before stream', id);
    const qemu = this.idleQemu(id);
    const length = base === null ? 1 : 2;
    if (!qemu.job && qemu.chain.length > length) {
      if (this.isCareful && !qemu.active.file.isPlain) throw new HypervisorRefusedError('It would kill QEMU');
      qemu.startStream(base);
      this.instances.reached('amid stream: begun', id);
    }
    this.follow('stream', id, qemu, options);
    if (qemu.chain.length > length) throw new HypervisorRefusedError('The stream ended without being done');
    qemu.flush();
    qemu.closeLoose();
    this.instances.reached('after stream', id);
  }

  /** The job of this QEMU, block by block to its end. */
  private follow(
    what: 'commit' | 'stream',
    id: InstanceId,
    qemu: FakeQemu,
    options: { onProgress?: (doneBytes: number, totalBytes: number) => void },
  ): void {
    for (;;) {
      this.instances.assertStillThere(id, qemu);
      const { job } = qemu;
      if (!job) break;
      if (job.todo.length > 0) qemu.copyOne(job);
      else {
        if (job.kind === 'commit') {
          qemu.writeHeader(job);
          this.instances.reached('amid commit: header', id);
          this.instances.assertStillThere(id, qemu);
        }
        qemu.finishJob(job);
      }
      options.onProgress?.(job.total - job.todo.length, job.total);
      if (job.todo.length > 0 && job.todo.length === job.total >> 1) this.instances.reached(`amid ${what}: half`, id);
    }
    this.instances.reached(`amid ${what}: over`, id);
    this.instances.assertStillThere(id, qemu);
  }

  async replaceBacking(
    id: InstanceId,
    backing: string,
    below: readonly { path: string; format: 'raw' | 'qcow2' }[],
  ): Promise<void> {
    this.instances.reached('before replace backing', id);
    const qemu = this.idleQemu(id);
    if (!this.canReplaceBacking) throw new HypervisorRefusedError('This QEMU cannot reopen');
    qemu.closeLoose();
    if (qemu.chain[1]?.file !== this.instances.fs.lookUp(backing)) {
      const nodes = [backing, ...below.map(({ path }) => path)].map((path) => {
        const node = qemu.open(path, true);
        qemu.loose.push(node);
        return node;
      });
      this.instances.reached('amid replace backing: opened', id);
      this.instances.assertStillThere(id, qemu);
      qemu.restack(nodes);
      this.instances.reached('amid replace backing: reopened', id);
      this.instances.assertStillThere(id, qemu);
    }
    qemu.writeActiveHeader(backing);
    this.instances.reached('amid replace backing: header', id);
    this.instances.assertStillThere(id, qemu);
    qemu.closeLoose();
    this.instances.reached('after replace backing', id);
  }

  async closeLeftovers(id: InstanceId): Promise<void> {
    this.instances.reached('before close leftovers', id);
    this.instances.runningQemu(id).closeLoose();
    this.instances.reached('after close leftovers', id);
  }

  async freeze(id: InstanceId, _deadlineMs: number): Promise<Freeze> {
    this.instances.reached('before freeze', id);
    const qemu = this.instances.runningQemu(id);
    if (this.instances.require(id).agent !== 'works') throw new QuiesceFailedError('No agent answered');
    qemu.frozen = true;
    this.instances.reached('after freeze', id);
    return {
      thaw: async () => {
        this.instances.reached('before thaw', id);
        const held = qemu.frozen;
        qemu.frozen = false;
        return held;
      },
    };
  }

  async ensureThawed(id: InstanceId): Promise<void> {
    const { qemu } = this.instances.require(id);
    if (qemu) qemu.frozen = false;
  }

  async versions(): Promise<Readonly<Record<string, string>>> {
    return { qemu: 'fake' };
  }

  private describe(instance: FakeInstance): InstanceDescription {
    const { id, projectId } = instance;
    return { id, projectId, name: `instance ${id.slice(0, 8)}`, state: this.instances.stateOf(instance) };
  }

  private idleQemu(id: InstanceId): FakeQemu {
    const qemu = this.instances.runningQemu(id);
    if (qemu.foreignJob !== null) throw new DiskBusyError(id, qemu.foreignJob);
    return qemu;
  }

  private assertMayCommit(qemu: FakeQemu, sourceInode: string, into: string): void {
    if (!this.isCareful) return;
    const [, source, target] = qemu.chain;
    if (source?.file.inode !== sourceInode) throw new ChainDivergedError(sourceInode, source?.file.inode ?? 'nothing');
    if (target?.name !== into || this.instances.fs.lookUp(into) !== target.file) {
      throw new ChainDivergedError(`${into} under its permanent name`, target?.name ?? 'nothing');
    }
  }
}

export class FakeCompute implements Compute {
  constructor(private readonly instances: FakeInstances) {}

  async stop(id: InstanceId, _graceMs: number): Promise<void> {
    this.instances.reached('before stop', id);
    const instance = this.instances.require(id);
    for (const node of instance.qemu?.chain ?? []) instance.qemu?.flush(node);
    instance.qemu?.end();
    instance.qemu = null;
    this.instances.reached('after stop', id);
  }

  async start(id: InstanceId): Promise<void> {
    this.instances.reached('before start', id);
    this.boot(id);
    this.instances.reached('after start', id);
  }

  boot(id: InstanceId): void {
    const instance = this.instances.require(id);
    if (instance.qemu) instance.qemu.paused = false;
    else instance.qemu = new FakeQemu(this.instances.fs, `${instance.directory}/disk`);
  }
}
