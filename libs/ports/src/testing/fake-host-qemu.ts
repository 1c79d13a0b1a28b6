import { HypervisorRefusedError } from '@varve/core';
import type { FakeFile, FakeFileSystem, Opener } from './fake-host-files.js';
import { isOpenForWriting } from './fake-host-files.js';

/** An image that a QEMU has open: the name it was given, and the file that its descriptor leads to. */
export interface FakeNode extends Opener {
  readonly name: string;
  file: FakeFile;
}

/** A block-commit or block-stream. It belongs to QEMU: it goes on when the worker that asked for it is gone. */
export type FakeJob = FakeCommit | FakeStream;

interface FakeCommit {
  readonly kind: 'commit';
  readonly from: string;
  readonly into: string;
  readonly source: FakeNode;
  readonly target: FakeNode;
  readonly overlay: FakeNode;
  readonly todo: number[];
  readonly total: number;
}

interface FakeStream {
  readonly kind: 'stream';
  readonly base: { path: string; format: 'raw' | 'qcow2' } | null;
  readonly todo: number[];
  readonly total: number;
}

/**
 * A QEMU process with one disk, as far as its block layer goes. Opens an image again **by name** when it goes from
 * writable to read-only or back, and keeps its descriptor when the name leads nowhere (qemu-mechanics A.3): whoever
 * has let a name come to mean another file gets a corrupt disk, and every command says that all went well.
 */
export class FakeQemu {
  /** Active layer first. */
  chain: FakeNode[] = [];
  /** Open, and part of nothing. */
  loose: FakeNode[] = [];
  paused = false;
  frozen = false;
  job: FakeJob | null = null;
  foreignJob: string | null = null;

  /** @throws {HypervisorRefusedError} a file is missing, or somebody has it open for writing */
  constructor(
    private readonly fs: FakeFileSystem,
    disk: string,
  ) {
    try {
      for (let name: string | null = disk; name !== null;) {
        const node = this.open(name, this.chain.length > 0);
        this.chain.push(node);
        if (this.chain.length > 32) throw new HypervisorRefusedError('The backing chain never ends');
        name = node.file.backing?.path ?? null;
      }
    } catch (error) {
      for (const node of this.chain) this.close(node);
      throw error;
    }
  }

  get active(): FakeNode {
    const [active] = this.chain;
    if (!active) throw new Error('A QEMU without a disk');
    return active;
  }

  read(block: number): number {
    for (const { file } of this.chain) {
      const value = file.blocks.get(block);
      if (value !== undefined) return value;
    }
    return 0;
  }

  write(block: number, value: number): void {
    this.fs.write(this.active.file, block, value);
  }

  open(name: string, readOnly: boolean): FakeNode {
    const file = this.fs.lookUp(name);
    if (!file) throw new HypervisorRefusedError(`Could not open '${name}': No such file or directory`);
    if (!readOnly && file.openers.size > 0) throw new HypervisorRefusedError('Failed to get "write" lock');
    if (readOnly && isOpenForWriting(file)) throw new HypervisorRefusedError('Failed to get shared "write" lock');
    const node: FakeNode = { name, file, readOnly };
    file.openers.add(node);
    return node;
  }

  close(node: FakeNode): void {
    node.file.openers.delete(node);
  }

  closeLoose(): void {
    for (const node of this.loose) this.close(node);
    this.loose = [];
  }

  /** Guests flush the active layer alone; what a merge writes below it waits until QEMU has its target read-only again. */
  flush(node: FakeNode = this.active): void {
    delete node.file.unflushed;
  }

  /** Dies; an orderly end flushes before. */
  end(): void {
    for (const node of this.chain) {
      for (const [block, before] of node.file.unflushed ?? []) {
        if (before === undefined) node.file.blocks.delete(block);
        else node.file.blocks.set(block, before);
      }
      this.flush(node);
    }
    for (const node of [...this.chain, ...this.loose]) this.close(node);
  }

  /** `blockdev-snapshot` */
  snapshot(overlay: FakeNode): void {
    const old = this.active;
    this.loose = this.loose.filter((node) => node !== overlay);
    this.chain.unshift(overlay);
    this.reopen(old, true);
  }

  /** `block-commit`. From here the target is a mixture. */
  startCommit(source: FakeNode, target: FakeNode, from: string, into: string): FakeJob {
    const top = this.chain.indexOf(source);
    const bottom = this.chain.indexOf(target);
    const overlay = this.chain[top - 1];
    if (!overlay || top < 1 || bottom <= top) throw new HypervisorRefusedError('Cannot find the layers in the chain');
    this.reopen(target, false);
    this.reopen(overlay, false);
    const defined = this.chain.slice(top, bottom).flatMap(({ file }) => [...file.blocks.keys()]);
    const todo = [...new Set(defined)].sort((a, b) => a - b);
    this.job = { kind: 'commit', from, into, source, target, overlay, todo, total: todo.length };
    return this.job;
  }

  copyOne(job: FakeJob): void {
    const block = job.todo.shift();
    if (block === undefined) return;
    if (job.kind === 'stream') return this.pullUp(block, job.base);
    const above = this.chain.slice(this.chain.indexOf(job.source), this.chain.indexOf(job.target));
    const value = above.map(({ file }) => file.blocks.get(block)).find((found) => found !== undefined);
    if (value !== undefined) this.fs.writeUnflushed(job.target.file, block, value);
  }

  /** `block-stream` into the active layer. */
  startStream(base: FakeStream['base']): FakeJob {
    if (!this.active.file.isPlain) throw new Error('QEMU died: Assertion `skip_bytes < pnum` failed');
    const todo = [...new Set(this.between(base).flatMap(({ file }) => [...file.blocks.keys()]))].sort((a, b) => a - b);
    this.job = { kind: 'stream', base, todo, total: todo.length };
    return this.job;
  }

  /** Into whatever the overlay's descriptor leads to by now; before the target's tables are flushed. */
  writeHeader({ overlay, into }: FakeCommit): void {
    this.fs.setBacking(overlay.file, { path: into, format: 'qcow2' });
  }

  finishJob(job: FakeJob): void {
    while (job.todo.length > 0) this.copyOne(job);
    if (job.kind === 'stream') return this.finishStream(job.base);
    this.writeHeader(job);
    const [top, bottom] = [this.chain.indexOf(job.source), this.chain.indexOf(job.target)];
    const gone = this.chain.splice(top, bottom - top);
    for (const { file } of [job.overlay, job.target]) this.fs.supersede(file, filesOf(gone));
    this.loose.push(...gone);
    this.flush(job.target);
    this.reopen(job.target, true);
    if (job.overlay !== this.active) this.reopen(job.overlay, true);
    this.job = null;
  }

  /** `blockdev-reopen` of the active layer with another backing node. */
  restack(below: readonly FakeNode[]): void {
    this.loose = [...this.loose.filter((node) => !below.includes(node)), ...this.chain.slice(1)];
    this.chain = [this.active, ...below];
  }

  /** `change-backing-file` */
  writeActiveHeader(backing: string): void {
    this.fs.supersede(this.active.file, filesOf(this.loose));
    this.fs.setBacking(this.active.file, { path: backing, format: 'qcow2' });
  }

  /** What lies between the active layer and the base image. */
  private between(base: FakeStream['base']): FakeNode[] {
    const bottom = base === null ? this.chain.length : this.chain.findIndex(({ name }) => name === base.path);
    if (bottom < 1) throw new HypervisorRefusedError('Cannot find the base image in the chain');
    return this.chain.slice(1, bottom);
  }

  private pullUp(block: number, base: FakeStream['base']): void {
    if (this.active.file.blocks.has(block)) return;
    const values = this.between(base).map(({ file }) => file.blocks.get(block));
    const value = values.find((found) => found !== undefined);
    if (value === undefined) return;
    this.fs.writeUnflushed(this.active.file, block, value);
  }

  private finishStream(base: FakeStream['base']): void {
    this.fs.setBacking(this.active.file, base);
    const gone = this.between(base);
    this.fs.supersede(this.active.file, filesOf(gone));
    this.chain = this.chain.filter((node) => !gone.includes(node));
    this.loose.push(...gone);
    this.job = null;
  }

  private reopen(node: FakeNode, readOnly: boolean): void {
    if (node.readOnly === readOnly) return;
    node.readOnly = readOnly;
    const found = this.fs.lookUp(node.name);
    if (!found || found === node.file) return;
    node.file.openers.delete(node);
    node.file = found;
    node.file.openers.add(node);
  }
}

const filesOf = (nodes: readonly FakeNode[]): FakeFile[] => nodes.map(({ file }) => file);
