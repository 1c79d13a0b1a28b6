import { libvirtEngine } from '../../../libs/adapters/src/hypervisor/testing/libvirt-engine.js';
import { makeRealHost } from '../../../libs/adapters/src/hypervisor/testing/real-host.js';
import type { RealHost } from '../../../libs/adapters/src/hypervisor/testing/real-host.js';
import { FilesystemObjectStore } from '@varve/adapters';
import type { InstanceId, LayerUid, OperationId, ProjectId, SnapshotUid } from '@varve/core';
import { StoreUnavailableError } from '@varve/core';
import { ZstdLayerStore } from '@varve/layer-store';
import type { LayerRef, LayerStore, StoredLayer } from '@varve/ports';
import { FakeImageService } from '@varve/ports/testing';
import type { StartStyle } from '@varve/ports/testing';
import {
  exportRestorePoint,
  keepRollback,
  repairSystemDisk,
  rollbackSystemDisk,
  runProcedure,
  settleSystemDisk,
  snapshotSystemDisk,
  undoRollback,
} from '@varve/procedures';
import type { Journal, JournalEntry, MergeStrategy, ProcedureContext, ProcedureResult, Run } from '@varve/procedures';
import { randomUUID } from 'node:crypto';
import { execFile } from 'node:child_process';
import { cp, link, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { lookAtChain } from '../src/chain-facts.js';

const project = 'p1' as ProjectId;

/** A host, a store and the catalog's part in them, without the processes and the broker in between. */
class Trial {
  readonly stored: StoredLayer[] = [];
  readonly states = new Map<LayerUid, number[]>();
  readonly images = new FakeImageService();
  storeIsAway = false;
  fetchedBytes = 0;
  private value = 0;
  private readonly expected = new Map<number, number>();
  instance!: InstanceId;

  private constructor(
    readonly host: RealHost,
    private readonly layers: LayerStore,
    private readonly mergeStrategy: MergeStrategy,
    private readonly storeRoot: string,
  ) {}

  static async begin(style: StartStyle, mergeStrategy: MergeStrategy): Promise<Trial> {
    const host = await makeRealHost(style === 'libvirt' ? { engine: libvirtEngine } : {});
    const storeRoot = await mkdtemp(join(tmpdir(), 'varve-store-'));
    const layers = new ZstdLayerStore(new FilesystemObjectStore({ root: storeRoot, mountRequired: false }));
    const trial = new Trial(host, layers, mergeStrategy, storeRoot);
    trial.instance = await host.newInstance(style);
    return trial;
  }

  private context(): ProcedureContext {
    return {
      hypervisor: this.host.hypervisor,
      files: this.host.diskFiles,
      // As libvirt does, and a recorded command can't: the start names the layers that there are now.
      compute: {
        stop: (instance, graceMs) => this.host.compute.stop(instance, graceMs),
        start: (instance) => this.host.start(instance),
      },
      layers: {
        ...this.layers,
        upload: (source, options) => {
          if (this.storeIsAway) return Promise.reject(new StoreUnavailableError('taken away by the test'));
          return this.layers.upload(source, options);
        },
        manifests: (refs, options) => this.layers.manifests(refs, options),
        read: (manifest, runs, options) =>
          this.layers.read(manifest, runs, {
            ...options,
            onFetched: (bytes) => {
              this.fetchedBytes += bytes;
              options?.onFetched?.(bytes);
            },
          }),
        delete: (layer) => this.layers.delete(layer),
      },
      images: this.images,
      settings: {
        mergeStrategy: this.mergeStrategy,
        mergeBytesPerSecond: 0,
        switchDeadlineMs: 10_000,
        quiesceDeadlineMs: 2_000,
        reserveBytes: 0,
        stopGraceMs: 0,
      },
      now: () => new Date(),
      newFileId: () => this.host.newFileId(),
      transfer: (work) => work(),
      progress: () => undefined,
    };
  }

  /** The guest writes `count` blocks that it never wrote with this value before. */
  async write(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      this.value = (this.value % 190) + 1;
      const block = (this.value * 7) % 64;
      await this.host.guestWrite(this.instance, block, this.value);
      this.expected.set(block, this.value);
    }
  }

  private guestState(): number[] {
    return Array.from({ length: 64 }, (_, block) => this.expected.get(block) ?? this.host.baseValue(block));
  }

  private async run(perform: (run: Run) => Promise<ProcedureResult>): Promise<ProcedureResult> {
    const entries: JournalEntry[] = [];
    const head = {
      kind: 'open',
      procedure: 'x',
      procedureVersion: 1,
      operationId: randomUUID() as OperationId,
      epoch: 1,
      request: {},
      at: '',
    } as const;
    const journal: Journal = {
      head,
      entries,
      append: (entry) => Promise.resolve(void entries.push(JSON.parse(JSON.stringify(entry)) as JournalEntry)),
    };
    const never = new AbortController().signal;
    const outcome = await runProcedure(journal, { cancel: never, shutdown: never }, perform);
    for (const entry of entries) {
      if (entry.kind !== 'announce' || entry.type !== 'snapshot.available') continue;
      const { layer } = entry.data as unknown as { layer: StoredLayer };
      this.stored.push(layer);
    }
    if (outcome.kind === 'failed') throw new Error(`${outcome.problem.code}: ${outcome.problem.message}`);
    expect(outcome.result.chainLength ?? 0).toBeLessThanOrEqual(4);
    return outcome.result;
  }

  async snapshot(): Promise<{ uid: LayerUid; result: ProcedureResult }> {
    const uid = randomUUID() as LayerUid;
    this.states.set(uid, this.guestState());
    const result = await this.run((run) =>
      snapshotSystemDisk(
        run,
        {
          instanceId: this.instance,
          projectId: project,
          snapshotUid: randomUUID() as SnapshotUid,
          layerUid: uid,
          quiesce: 'none',
          storedLayers: this.stored.map((layer) => layer.uid),
        },
        this.context(),
      ),
    );
    return { uid, result };
  }

  private lineage(uid: LayerUid | null): LayerRef[] {
    const layer = this.stored.find((candidate) => candidate.uid === uid);
    return layer ? [...this.lineage(layer.backingUid), layer] : [];
  }

  async rollback(uid: LayerUid, from: LayerUid | null): Promise<OperationId> {
    const operationId = randomUUID() as OperationId;
    this.fetchedBytes = 0;
    await this.run((run) =>
      rollbackSystemDisk(
        run,
        {
          operationId,
          instanceId: this.instance,
          lineage: this.lineage(uid),
          currentLineage: this.lineage(from),
          storedLayers: this.stored.map((layer) => layer.uid),
        },
        this.context(),
      ),
    );
    this.expectState(this.states.get(uid) ?? []);
    return operationId;
  }

  /** Makes an image of it, and gives what `qemu-img` reads in every block of that. */
  async export(uid: LayerUid, from: LayerUid | null, diskFormat: 'qcow2' | 'raw'): Promise<Buffer[]> {
    this.fetchedBytes = 0;
    this.images.images.clear();
    const file = join(this.storeRoot, 'image');
    await this.run((run) =>
      exportRestorePoint(
        run,
        {
          operationId: randomUUID() as OperationId,
          instanceId: this.instance,
          projectId: project,
          snapshotUid: randomUUID() as SnapshotUid,
          lineage: this.lineage(uid),
          currentLineage: this.lineage(from),
          takenAt: '2026-01-01T00:00:00Z',
          image: { name: 'x', visibility: 'private', diskFormat },
        },
        this.context(),
      ),
    );
    const [made] = [...this.images.images.values()];
    await writeFile(file, made?.content ?? '');
    if (diskFormat === 'qcow2') await promisify(execFile)('qemu-img', ['check', '-f', 'qcow2', file]);
    await promisify(execFile)('qemu-img', ['convert', '-f', diskFormat, '-O', 'raw', file, `${file}.raw`]);
    const raw = await readFile(`${file}.raw`);
    const { blockBytes } = this.host;
    return Array.from({ length: raw.length / blockBytes }, (_, i) =>
      raw.subarray(i * blockBytes, (i + 1) * blockBytes),
    );
  }

  expectImage(blocks: readonly Buffer[], uid: LayerUid): void {
    const wanted = (block: number) => this.states.get(uid)?.[block] ?? this.host.baseValue(block);
    expect(blocks).toHaveLength(this.host.blockCount);
    blocks.forEach((block, i) => expect(block.equals(Buffer.alloc(block.length, wanted(i))), `block ${i}`).toBe(true));
  }

  expectState(state: readonly number[]): void {
    this.expected.clear();
    state.forEach((value, block) => this.expected.set(block, value));
  }

  async undo(rollbackId: OperationId): Promise<void> {
    const request = {
      operationId: randomUUID() as OperationId,
      instanceId: this.instance,
      rollbackId,
      storedLayers: [],
    };
    await this.run((run) => undoRollback(run, request, this.context()));
  }

  async keep(rollbackId: OperationId): Promise<void> {
    const request = {
      operationId: randomUUID() as OperationId,
      instanceId: this.instance,
      rollbackId,
      storedLayers: this.stored.map((layer) => layer.uid),
    };
    await this.run((run) => keepRollback(run, request, this.context()));
  }

  /** What hosts tell of the chain is what QEMU's own tool finds, file by file. @returns the states that its layers show */
  async expectChainAsTold(): Promise<(LayerUid | null)[]> {
    const disk = await this.host.diskFiles.diskPath(this.instance);
    const info = ['info', '-U', '--backing-chain', '--output=json', '-f', 'qcow2', disk];
    const { stdout } = await promisify(execFile)('qemu-img', info);
    const images = JSON.parse(stdout) as { filename: string; 'actual-size': number; 'virtual-size': number }[];
    const [base, ...own] = images.reverse();
    const told = await lookAtChain(this.host.diskFiles, this.instance);
    expect(told?.base).toMatchObject({ name: basename(this.host.basePath), sizeBytes: base?.['virtual-size'] });
    const files = await Promise.all(own.map(async ({ filename }) => (await stat(filename)).size));
    expect(told?.layers.map(({ fileBytes, allocatedBytes }) => [fileBytes, allocatedBytes])).toEqual(
      own.map((image, i) => [files[i], image['actual-size']]),
    );
    // All but the active one, which the tool finds under the name `disk`, say by their names which they are.
    expect(told?.layers.map(({ fileId }) => fileId).slice(0, -1)).toEqual(
      own.map(({ filename }) => basename(join(filename, '..'))).slice(0, -1),
    );
    return told?.layers.map(({ asOf }) => asOf) ?? [];
  }

  /** What the whole directory takes on the disk. */
  async allocatedBytes(): Promise<number> {
    const { stdout } = await promisify(execFile)('du', ['--summarize', '--block-size=1', this.directory]);
    return Number.parseInt(stdout, 10);
  }

  /** @returns how long the chain is afterwards, and what the next upload will be an increment on */
  async settle(): Promise<Pick<ProcedureResult, 'chainLength' | 'headLayerUid'>> {
    const request = { instanceId: this.instance, storedLayers: this.stored.map((layer) => layer.uid) };
    const result = await this.run((run) => settleSystemDisk(run, request, this.context()));
    expect(result.problem).toBeNull();
    const chain = await this.host.diskFiles.findChain(this.instance);
    expect(chain.map(({ backing }) => backing?.path)).toEqual([this.host.basePath]);
    const open = await this.host.hypervisor.openLayers(this.instance);
    if (open && this.host.hypervisor.settlesUnderDiskName) {
      expect(open.map(({ name }) => name)).toEqual([
        await this.host.diskFiles.diskPath(this.instance),
        this.host.basePath,
      ]);
    }
    return result;
  }

  get directory(): string {
    return join(this.host.instancesDir, this.instance);
  }

  /** Nova's place for base images: where a host finds the one of a disk that came without its layers. */
  async keepBaseAsNovaDoes(): Promise<void> {
    const cache = join(this.host.instancesDir, '_base');
    await mkdir(cache);
    await link(this.host.basePath, join(cache, basename(this.host.basePath)));
  }

  /** As Nova's resize does it, which then fails: a new directory, with so much of `disk` in it. */
  async resizeInVain(share: number): Promise<void> {
    await rename(this.directory, `${this.directory}_resize`);
    await mkdir(this.directory);
    for (const name of await readdir(`${this.directory}_resize`)) {
      if (['layers', '.varve'].includes(name)) continue;
      await cp(join(`${this.directory}_resize`, name), join(this.directory, name), { recursive: true });
    }
    const disk = join(this.directory, 'disk');
    await truncate(disk, Math.ceil((await stat(disk)).size * share));
  }

  /** As on the host that Nova has moved the instance to. */
  async moveDiskAlone(share = 1): Promise<void> {
    await this.resizeInVain(share);
    await rm(`${this.directory}_resize`, { recursive: true });
  }

  async repair(top: LayerUid): Promise<ProcedureResult> {
    const request = {
      instanceId: this.instance,
      storedLayers: this.stored.map((layer) => layer.uid),
      topLayerUid: top,
      lineage: this.lineage(top),
      acceptDisk: false,
    };
    return this.run((run) => repairSystemDisk(run, request, this.context()));
  }

  async expectGuestSees(): Promise<void> {
    const seen = await Promise.all(this.guestState().map((_, block) => this.host.guestRead(this.instance, block)));
    expect(seen).toEqual(this.guestState());
  }

  async close(): Promise<void> {
    await this.host.close();
    await rm(this.storeRoot, { recursive: true, force: true });
  }
}

const cases: { style: StartStyle; strategy: MergeStrategy }[] = [
  { style: 'drive', strategy: 'auto' },
  { style: 'blockdev', strategy: 'copy' },
  { style: 'chain', strategy: 'in-place' },
  { style: 'libvirt', strategy: 'auto' },
];

describe.each(cases)('procedures on a real QEMU started by $style, merging by $strategy', ({ style, strategy }) => {
  let trial: Trial;
  afterEach(() => trial.close());

  it('snapshots, fails, heals, rolls back anywhere and undoes', async () => {
    trial = await Trial.begin(style, strategy);
    await trial.host.start(trial.instance);
    expect(await trial.expectChainAsTold()).toEqual([null]);
    const points: LayerUid[] = [];
    for (let i = 0; i < 3; i++) {
      await trial.write(5);
      const { uid, result } = await trial.snapshot();
      expect(result.problem).toBeNull();
      points.push(uid);
      await trial.expectGuestSees();
      expect((await trial.expectChainAsTold()).slice(-2)).toEqual([uid, null]);
    }
    for (let failures = 0; failures < 3; failures++) {
      await trial.write(3);
      trial.storeIsAway = true;
      const { uid, result } = await trial.snapshot();
      expect(result.problem?.code).toBe('store_unavailable');
      await trial.expectGuestSees();
      expect((await trial.expectChainAsTold()).slice(-2)).toEqual([uid, null]);
    }
    trial.storeIsAway = false;
    await trial.write(2);
    const healed = await trial.snapshot();
    expect(healed.result.problem).toBeNull();
    points.push(healed.uid);
    await trial.expectGuestSees();
    expect((await trial.expectChainAsTold()).slice(-2)).toEqual([healed.uid, null]);
    expect(trial.stored.at(-1)?.changedBytes).toBe(11 * trial.host.blockBytes);
    expect(trial.stored.at(-1)?.backingUid).toBe(points[2]);

    const [first, second, , newest] = points as [LayerUid, LayerUid, LayerUid, LayerUid];
    await trial.write(4);
    const seen = await Promise.all(Array.from({ length: 64 }, (_, b) => trial.host.guestRead(trial.instance, b)));
    await trial.rollback(newest, newest);
    expect(trial.fetchedBytes).toBe(0);
    await trial.expectGuestSees();
    await trial.write(3);
    const branch = await trial.snapshot();
    await trial.expectGuestSees();
    await trial.rollback(second, branch.uid);
    await trial.expectGuestSees();
    const operation = await trial.rollback(first, second);
    await trial.expectGuestSees();
    await trial.undo(operation);
    trial.expectState(trial.states.get(second) ?? []);
    await trial.expectGuestSees();
    expect(seen).toHaveLength(64);
    const last = await trial.rollback(branch.uid, second);
    await trial.expectGuestSees();

    const kept = (await lookAtChain(trial.host.diskFiles, trial.instance))?.kept;
    expect(kept?.rollbackId).toBe(last);
    expect(kept?.allocatedBytes).toBeGreaterThan(0);
    const before = await trial.allocatedBytes();
    await trial.keep(last);
    expect(before - (await trial.allocatedBytes())).toBeGreaterThanOrEqual(kept?.allocatedBytes ?? Infinity);
    expect((await lookAtChain(trial.host.diskFiles, trial.instance))?.kept).toBeNull();
    await trial.expectGuestSees();
    await expect(trial.undo(last)).rejects.toThrow('conflict');
    expect((await trial.snapshot()).result.problem).toBeNull();
    await trial.expectGuestSees();
  });

  it('takes a stopped instance, and one that was restarted since', async () => {
    trial = await Trial.begin(style, strategy);
    await trial.host.start(trial.instance);
    await trial.write(5);
    await trial.snapshot();
    await trial.write(5);
    await trial.snapshot();
    await trial.write(5);
    await trial.host.powerCut(trial.instance);
    const cold = await trial.snapshot();
    expect(cold.result.problem).toBeNull();
    await trial.host.start(trial.instance);
    await trial.expectGuestSees();
    await trial.write(5);
    const warm = await trial.snapshot();
    expect(warm.result.problem).toBeNull();
    await trial.write(5);
    const { result } = await trial.snapshot();
    expect(result.chainLength ?? 0).toBeLessThanOrEqual(3);
    await trial.expectGuestSees();
    await trial.rollback(cold.uid, warm.uid);
    await trial.expectGuestSees();
  });

  it('settles the disk, running and stopped, and uploads only what changed', { timeout: 300_000 }, async () => {
    trial = await Trial.begin(style, strategy);
    await trial.host.start(trial.instance);
    const nothing = { chainLength: 1, headLayerUid: null };
    expect(await trial.settle(), 'a fresh instance is settled').toMatchObject(nothing);
    await trial.write(5);
    const first = await trial.snapshot();
    await trial.write(5);
    trial.storeIsAway = true;
    await trial.snapshot();
    trial.storeIsAway = false;
    await trial.write(3);
    expect(await trial.settle()).toMatchObject({ chainLength: 1, headLayerUid: first.uid });
    await trial.expectGuestSees();

    await trial.write(2);
    await trial.host.powerCut(trial.instance);
    await trial.host.start(trial.instance);
    const again = await trial.snapshot();
    expect(trial.stored.at(-1)).toMatchObject({ backingUid: first.uid, changedBytes: 10 * trial.host.blockBytes });
    await trial.expectGuestSees();
    await trial.rollback(first.uid, again.uid);
    await trial.expectGuestSees();
    await trial.write(2);
    const last = await trial.snapshot();
    await trial.host.powerCut(trial.instance);
    await trial.host.start(trial.instance);
    await trial.write(2);
    const onLast = { chainLength: 1, headLayerUid: last.uid };
    expect(await trial.settle(), 'booted on the active layer').toMatchObject(onLast);
    await trial.expectGuestSees();
    const { uid } = await trial.snapshot();
    expect(trial.stored.at(-1)).toMatchObject({ backingUid: last.uid, changedBytes: 2 * trial.host.blockBytes });
    await trial.write(2);
    await trial.host.compute.stop(trial.instance, 0);
    expect(await trial.settle()).toMatchObject({ chainLength: 1, headLayerUid: uid });
    await trial.host.start(trial.instance);
    await trial.expectGuestSees();
    await trial.rollback(again.uid, uid);
    await trial.expectGuestSees();
    await trial.rollback(uid, again.uid);
    await trial.expectGuestSees();
  });
});

describe('exports from a real QEMU', () => {
  let trial: Trial;
  afterEach(() => trial.close());

  it('make images of any point while the guest writes, and leave no trace on the host', async () => {
    trial = await Trial.begin('chain', 'auto');
    await trial.host.start(trial.instance);
    const points: LayerUid[] = [];
    for (let i = 0; i < 3; i++) {
      await trial.write(5);
      points.push((await trial.snapshot()).uid);
    }
    const [first, second, newest] = points as [LayerUid, LayerUid, LayerUid];
    await trial.write(4);
    const chain = await trial.host.diskFiles.findChain(trial.instance);
    const layers = await readdir(join(trial.host.instancesDir, trial.instance, 'layers'));
    trial.expectImage(await trial.export(newest, newest, 'qcow2'), newest);
    expect(trial.fetchedBytes, 'which the history shows').toBe(0);
    trial.expectImage(await trial.export(first, newest, 'qcow2'), first);
    trial.expectImage(await trial.export(second, null, 'raw'), second);
    expect(trial.fetchedBytes).toBeGreaterThan(0);
    expect(await trial.host.diskFiles.findChain(trial.instance)).toEqual(chain);
    expect((await readdir(join(trial.host.instancesDir, trial.instance, 'layers'))).sort()).toEqual(layers.sort());
    await trial.expectGuestSees();
    expect((await trial.snapshot()).result.problem).toBeNull();
  });
});

describe('a real disk that was moved without its layers', () => {
  let trial: Trial;
  afterEach(() => trial.close());

  it('gets them back: from what was set aside, or from the store', async () => {
    trial = await Trial.begin('drive', 'auto');
    await trial.keepBaseAsNovaDoes();
    await trial.host.start(trial.instance);
    for (let i = 0; i < 2; i++) {
      await trial.write(5);
      await trial.snapshot();
    }
    trial.storeIsAway = true;
    await trial.write(3);
    const { result, uid: unstored } = await trial.snapshot();
    expect(result).toMatchObject({ state: 'failed', topLayerUid: unstored });
    trial.storeIsAway = false;
    await trial.write(3);
    await trial.host.compute.stop(trial.instance, 0);

    await trial.resizeInVain(0.5);
    await expect(trial.snapshot()).rejects.toThrow('layers_missing');
    expect(await trial.repair(unstored)).toMatchObject({ state: 'succeeded', topLayerUid: unstored });
    await expect(stat(`${trial.directory}_resize`)).rejects.toThrow('ENOENT');
    await trial.host.start(trial.instance);
    await trial.expectGuestSees();

    const { uid: top } = await trial.snapshot();
    await trial.write(4);
    await trial.host.compute.stop(trial.instance, 0);
    await trial.moveDiskAlone();
    await expect(trial.repair(unstored)).rejects.toThrow('layers_not_stored');
    expect(await trial.repair(top)).toMatchObject({ state: 'succeeded', chainLength: 2, topLayerUid: top });
    await trial.host.start(trial.instance);
    await trial.expectGuestSees();
    await trial.write(2);
    const next = await trial.snapshot();
    expect(trial.stored.at(-1)).toMatchObject({ backingUid: top, changedBytes: 6 * trial.host.blockBytes });
    await trial.host.compute.stop(trial.instance, 0);
    await trial.host.start(trial.instance);
    await trial.expectGuestSees();
    await trial.rollback(top, next.uid);
    await trial.expectGuestSees();
  });

  it('is refused when its copy was broken off; a rollback gives it a disk again', async () => {
    trial = await Trial.begin('drive', 'auto');
    await trial.keepBaseAsNovaDoes();
    await trial.host.start(trial.instance);
    await trial.write(5);
    const { uid } = await trial.snapshot();
    await trial.write(40);
    await trial.host.compute.stop(trial.instance, 0);
    await trial.moveDiskAlone(0.5);
    await expect(trial.repair(uid)).rejects.toThrow('disk_corrupt');
    await trial.rollback(uid, uid);
    await trial.host.start(trial.instance);
    await trial.expectGuestSees();
    await trial.snapshot();
  });
});
