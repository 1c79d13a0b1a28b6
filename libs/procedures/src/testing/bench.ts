import { expect } from 'vitest';
import { filesNeededBy, HypervisorRefusedError, lineageOf, ServiceError } from '@varve/core';
import type { ChainRecord, InstanceId, LayerUid, OperationId, ProjectId, SnapshotUid } from '@varve/core';
import type { LayerRef, PowerState, StoredLayer } from '@varve/ports';
import { FakeHost, FakeImageService, FakeLayerStore } from '@varve/ports/testing';
import type { ProcedureContext, ProcedureSettings } from '../context.js';
import { runProcedure } from '../engine/run.js';
import type { Outcome, Run } from '../engine/run.js';
import { exportRestorePoint } from '../export-restore-point.procedure.js';
import type { ExportRequest } from '../export-restore-point.procedure.js';
import type { ProcedureResult } from '../outcome.js';
import { keepRollback } from '../keep-rollback.procedure.js';
import { repairSystemDisk } from '../repair-system-disk.procedure.js';
import { rollbackSystemDisk } from '../rollback-system-disk.procedure.js';
import { settleDisk } from '../settle-disk.js';
import { settleSystemDisk } from '../settle-system-disk.procedure.js';
import { snapshotSystemDisk } from '../snapshot-system-disk.procedure.js';
import type { SnapshotRequest } from '../snapshot-system-disk.procedure.js';
import { undoRollback } from '../undo-rollback.procedure.js';
import { journalHead, MemoryJournal } from './memory-journal.js';
import { seededRandom } from './seeded-random.js';

/** The worker was killed. Nothing it still tries has any effect. */
export class KilledError extends Error {
  constructor(readonly point: string) {
    super(`killed ${point}`);
  }
}

/** What befalls a procedure at one of the points that it passes. */
export interface Blow {
  readonly at: number;
  readonly kind: 'kill worker' | 'cut power' | 'start instance';
}

/** What happens between the worker's death and its return. */
export type Fate =
  | 'nothing'
  | 'QEMU goes on'
  | 'power cut'
  | 'power cut and boot'
  | 'boot without hook'
  | 'boot if it can'
  | 'store away';

export interface BenchOptions {
  readonly seed?: number;
  readonly reflink?: boolean;
  readonly canReplaceBacking?: boolean;
  readonly settings?: Partial<ProcedureSettings>;
}

type Disk = readonly number[];
type Procedure = (run: Run, ctx: ProcedureContext) => Promise<ProcedureResult>;

/** A state of the disk, and how many guest writes had made it. */
interface Moment {
  readonly disk: Disk;
  readonly writes: number;
}

export interface Report {
  readonly outcome: Outcome<ProcedureResult>;
  readonly journal: MemoryJournal;
  /** Points at which something could have befallen it. */
  readonly points: readonly string[];
  readonly announced: readonly { type: string; data: unknown }[];
}

const BLOCKS = 16;
const LIVES_AT_MOST = 8;

/**
 * One instance with a guest that writes whenever anything happens, a store, a catalog, and a worker that can be struck
 * at every point. Knows by itself, from the guest's writes alone, what every disk must show.
 */
export class Bench {
  readonly host: FakeHost;
  readonly store: FakeLayerStore;
  readonly images = new FakeImageService();
  readonly settings: ProcedureSettings;
  instance = '' as InstanceId;
  /** What the guest must see. */
  guest: Disk;
  /** What the catalog knows. */
  readonly stored = new Map<LayerUid, StoredLayer>();
  readonly points = new Map<SnapshotUid, { layerUid: LayerUid; at: Moment }>();
  /** The stored state that the chain's own changes are an increment on. */
  head: LayerUid | null = null;
  /** How many writes the guest had made when the disk was as of {@link head}. */
  private since = 0;
  /** No layer shows {@link head} since the disk was settled: only digests do, which go when the chain is set aside. */
  private isCompared = false;
  /** As the last procedure reported it; what the catalog goes by. */
  private reportedHead: LayerUid | null = null;
  private reportedTop: LayerUid | null = null;
  /** Whether the chain holds a sealed layer that isn't stored. */
  owes = false;
  aside: { disk: Disk; head: LayerUid | null; since: number; owes: boolean; operationId: OperationId } | null = null;
  readonly random: (below: number) => number;

  private readonly seals = new Map<LayerUid, Moment>();
  private readonly log: number[] = [];
  private sealed: (Moment & { switched: boolean }) | null = null;
  private target: Disk | null = null;
  private replacedDisk: unknown = null;
  private landed = false;
  private landedAt = 0;
  private knownQemu: unknown = null;
  private blow: Blow | null = null;
  /** The phases that were told of, each with the point that was passed last before. */
  readonly told: string[] = [];
  private passed: string[] = [];
  private passedInThisLife = 0;
  private dead: string | null = null;
  private cancellation = new AbortController();
  /** Told of every effect, as it is struck. */
  onPoint: ((point: string) => void) | null = null;
  private watching = true;
  private lull = false;
  /** While a bench is being made ready, nothing is looked at: other tests do that. */
  isHurried = true;
  private clock = Date.UTC(2026, 0, 1);

  constructor(options: BenchOptions = {}) {
    this.host = new FakeHost({ blockCount: BLOCKS, reflink: options.reflink ?? false });
    this.host.hypervisor.isCareful = false;
    this.host.hypervisor.canReplaceBacking = options.canReplaceBacking ?? true;
    this.store = new FakeLayerStore((path) => this.host.lookUp(path), this.host.blockBytes);
    this.random = seededRandom(options.seed ?? 1);
    this.guest = this.baseDisk();
    this.settings = {
      mergeStrategy: 'auto',
      mergeBytesPerSecond: 0,
      switchDeadlineMs: 1_000,
      quiesceDeadlineMs: 1_000,
      reserveBytes: 0,
      stopGraceMs: 1_000,
      pieceBytes: this.host.blockBytes,
      ...options.settings,
    };
    this.host.watcher = (point) => this.reached(point);
    this.store.watcher = (point) => this.reached(point);
    this.images.watcher = (point) => this.reached(point);
  }

  static async running(options: BenchOptions = {}): Promise<Bench> {
    const bench = new Bench(options);
    bench.instance = await bench.host.newInstance();
    await bench.start();
    bench.writeSome(6);
    return bench;
  }

  // ---- the guest and its power

  /** As Nova or a user starts it: the hook first, then QEMU. */
  async start(entries: MemoryJournal['entries'] = []): Promise<void> {
    await this.quietly(async () => {
      const settled = await settleDisk(this.host.diskFiles, this.instance, entries);
      if (settled === 'moved') this.noticeSeal('after point disk');
      await this.host.start(this.instance);
    });
    this.noticeBoot();
  }

  async stop(): Promise<void> {
    await this.quietly(() => this.host.compute.stop(this.instance, 0));
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  pause(): Promise<void> {
    return this.host.pause(this.instance);
  }

  powerState(): PowerState {
    const qemu = this.host.qemu(this.instance);
    if (!qemu) return 'stopped';
    return qemu.paused ? 'paused' : 'running';
  }

  writeSome(times = 3): void {
    for (let i = 0; i < times; i++) this.guestWrites(true);
  }

  /** A quiet guest writes only when it is asked to. */
  quiet(quiet: boolean): void {
    this.lull = quiet;
  }

  // ---- the user

  async snapshot(
    options: {
      storeDown?: boolean;
      quiesce?: SnapshotRequest['quiesce'];
      blow?: Blow | readonly Blow[] | null;
      fate?: Fate;
    } = {},
  ): Promise<Report & { available: boolean; snapshotUid: SnapshotUid }> {
    const snapshotUid = this.host.newId() as SnapshotUid;
    const layerUid = this.host.newId() as LayerUid;
    const request: SnapshotRequest = {
      instanceId: this.instance,
      projectId: 'demo' as ProjectId,
      snapshotUid,
      layerUid,
      quiesce: options.quiesce ?? 'none',
      storedLayers: [...this.stored.keys()],
      topLayerUid: this.reportedTop,
    };
    this.sealed = null;
    const owed = this.owes;
    this.store.isDown = options.storeDown ?? false;
    const report = await this.perform('snapshot-system-disk', options, (run, ctx) =>
      snapshotSystemDisk(run, request, ctx),
    );

    const sealed = this.sealed as (Moment & { switched: boolean }) | null;
    const inChain = sealed?.switched ?? false;
    if (sealed) this.seals.set(layerUid, sealed);
    const available = report.announced.find(({ type }) => type === 'snapshot.available');
    const failed = report.announced.find(({ type }) => type === 'snapshot.failed');
    const succeeded = report.outcome.kind === 'finished' && report.outcome.result.state === 'succeeded';
    must(succeeded, available !== undefined, 'the last word agrees with what was announced');
    expect(available && failed, 'available and failed at once').toBeUndefined();
    if (available) {
      const { layer, healed } = available.data as { layer: StoredLayer; healed: boolean };
      if (!sealed) throw new Error('A snapshot of nothing');
      this.points.set(snapshotUid, { layerUid, at: sealed });
      this.stored.set(layerUid, layer);
      must(healed, owed, 'healed: a failed snapshot’s data is in it');
      this.expectIncrement(layer, sealed);
      if (inChain) [this.head, this.since, this.owes, this.isCompared] = [layerUid, sealed.writes, false, false];
    } else if (sealed && inChain) {
      this.owes = true;
    }
    this.takeReportedHead(report);
    await this.audit();
    return { ...report, available: available !== undefined, snapshotUid };
  }

  async rollback(
    to: SnapshotUid,
    options: { blow?: Blow | readonly Blow[] | null; fate?: Fate; storeDown?: boolean } = {},
  ): Promise<Report & { operationId: OperationId }> {
    const point = this.points.get(to);
    if (!point) throw new Error('No such restore point');
    const operationId = this.host.newId() as OperationId;
    const before = this.standing();
    const request = {
      operationId,
      instanceId: this.instance,
      lineage: this.lineage(point.layerUid),
      currentLineage: this.lineage(this.reportedHead),
      storedLayers: [...this.stored.keys()],
    };
    this.store.isDown = options.storeDown ?? false;
    const report = await this.replaced(point.at.disk, 'rollback-system-disk', options, operationId, (run, ctx) =>
      rollbackSystemDisk(run, request, ctx),
    );
    if (report.outcome.kind === 'finished') {
      this.aside = { ...(this.aside ?? { disk: [] }), ...before, operationId };
      [this.head, this.since, this.owes, this.isCompared] = [point.layerUid, this.landedAt, false, false];
    }
    this.takeReportedHead(report);
    await this.audit();
    return { ...report, operationId };
  }

  async undo(
    rollbackId: OperationId,
    options: { blow?: Blow | readonly Blow[] | null; fate?: Fate } = {},
  ): Promise<Report & { operationId: OperationId }> {
    const operationId = this.host.newId() as OperationId;
    const request = {
      operationId,
      instanceId: this.instance,
      rollbackId,
      storedLayers: [...this.stored.keys()],
    };
    const { aside } = this;
    if (!aside) throw new Error('Nothing to undo');
    const before = this.standing();
    const report = await this.replaced(aside.disk, 'undo-rollback', options, operationId, (run, ctx) =>
      undoRollback(run, request, ctx),
    );
    if (report.outcome.kind === 'finished') {
      this.aside = { ...this.aside, disk: this.aside?.disk ?? [], ...before, operationId };
      [this.head, this.since, this.owes, this.isCompared] = [aside.head, aside.since, aside.owes, false];
    }
    this.takeReportedHead(report);
    await this.audit();
    return { ...report, operationId };
  }

  /** What the rollback replaced is given up. */
  async keep(
    rollbackId: OperationId,
    options: { blow?: Blow | readonly Blow[] | null; fate?: Fate } = {},
  ): Promise<Report> {
    const operationId = this.host.newId() as OperationId;
    const request = { operationId, instanceId: this.instance, rollbackId, storedLayers: [...this.stored.keys()] };
    const report = await this.perform(
      'keep-rollback',
      options,
      (run, ctx) => keepRollback(run, request, ctx),
      operationId,
    );
    if (report.outcome.kind === 'finished') this.aside = null;
    this.takeReportedHead(report);
    await this.audit();
    return report;
  }

  /** @returns also whether the disk is one layer on the base image now */
  async settle(
    options: { blow?: Blow | readonly Blow[] | null; fate?: Fate } = {},
  ): Promise<Report & { settled: boolean }> {
    const { instance: instanceId, reportedTop: topLayerUid } = this;
    const request = { instanceId, storedLayers: [...this.stored.keys()], topLayerUid };
    this.sealed = null;
    const report = await this.perform('settle-system-disk', options, (run, ctx) => settleSystemDisk(run, request, ctx));
    const record = await this.host.diskFiles.readRecord(this.instance);
    const settled = record?.files.length === 1;
    // What was stored below is in the same layer now as what was not, and is an increment on the same state all the same.
    if (settled && this.head !== null) [this.isCompared, this.owes] = [true, false];
    else if (settled) [this.since, this.owes] = [0, false];
    else if (this.sealed) this.owes = true;
    this.sealed = null;
    this.takeReportedHead(report);
    await this.audit();
    return { ...report, settled };
  }

  /** What an undo will find of the chain that is about to be set aside. */
  private standing(): { head: LayerUid | null; since: number; owes: boolean } {
    const { head, since, owes } = this;
    return this.isCompared ? { head: null, since: 0, owes } : { head, since, owes };
  }

  /** @returns also the disks that the images show, which others than this export have not made */
  async export(
    of: SnapshotUid,
    options: { blow?: Blow | readonly Blow[] | null; fate?: Fate; storeDown?: boolean } = {},
  ): Promise<Report & { images: readonly Disk[]; wanted: Disk }> {
    const point = this.points.get(of);
    if (!point) throw new Error('No such restore point');
    const operationId = this.host.newId() as OperationId;
    const request: ExportRequest = {
      operationId,
      instanceId: this.instance,
      projectId: 'demo' as ProjectId,
      snapshotUid: of,
      lineage: this.lineage(point.layerUid),
      currentLineage: this.lineage(this.reportedHead),
      takenAt: '2026-01-01T00:00:00Z',
      image: { name: 'an image', visibility: 'private', diskFormat: 'raw' },
    };
    this.store.isDown = options.storeDown ?? false;
    const report = await this.perform(
      'export-restore-point',
      options,
      (run, ctx) => exportRestorePoint(run, request, ctx),
      operationId,
    );
    await this.audit();
    const kept = [...this.images.images.values()];
    expect(kept.every(({ status }) => status === 'active')).toBe(true);
    const images = kept.map(({ content }) =>
      Array.from({ length: BLOCKS }, (_, block) => content?.[block * this.host.blockBytes] ?? -1),
    );
    return { ...report, images, wanted: point.at.disk };
  }

  /** The layers come back to where the disk was moved or resized without them. */
  async repair(
    options: { blow?: Blow | readonly Blow[] | null; fate?: Fate; storeDown?: boolean; acceptDisk?: boolean } = {},
  ): Promise<Report> {
    const request = {
      instanceId: this.instance,
      storedLayers: [...this.stored.keys()],
      topLayerUid: this.reportedTop,
      lineage: this.reportedTop && this.stored.has(this.reportedTop) ? this.lineage(this.reportedTop) : [],
      acceptDisk: options.acceptDisk ?? false,
    };
    this.store.isDown = options.storeDown ?? false;
    const report = await this.perform('repair-system-disk', options, (run, ctx) => repairSystemDisk(run, request, ctx));
    if (report.outcome.kind === 'failed') return report;
    if (!(await this.host.diskFiles.readRecord(this.instance))?.safety) this.aside = null;
    this.takeReportedHead(report);
    await this.audit();
    return report;
  }

  /** The catalog is not sure of what lies below the active layer. */
  forgetTop(): void {
    this.reportedTop = null;
  }

  /** As a live migration of its blocks does it: a fresh disk, onto which only the active layer is copied. */
  makeDiskAnew(): void {
    this.host.makeDiskAnew(this.instance);
    this.guest = this.host.coldView(this.instance) ?? [];
    [this.head, this.since, this.owes, this.isCompared] = [null, 0, false, false];
  }

  get pointUids(): SnapshotUid[] {
    return [...this.points.keys()];
  }

  lineage(top: LayerUid | null): LayerRef[] {
    if (top === null) return [];
    const backing = new Map([...this.stored].map(([uid, layer]) => [uid, layer.backingUid]));
    return lineageOf(top, backing).flatMap((uid) => this.stored.get(uid) ?? []);
  }

  // ---- the worker

  /** Runs to the end, through as many lives of the worker as it takes. */
  private async perform(
    procedure: string,
    { blow = null, fate = 'nothing' }: { blow?: Blow | readonly Blow[] | null; fate?: Fate },
    work: Procedure,
    operationId = this.host.newId(),
  ): Promise<Report> {
    const journal = new MemoryJournal(journalHead(procedure, operationId), (point) => this.reached(point));
    const wanted = this.powerState();
    const blows = blow === null ? [] : [blow].flat();
    this.passed = [];
    let changed = blows.some(({ kind }) => kind !== 'kill worker');
    for (let life = 1; ; life++) {
      this.dead = null;
      this.blow = blows.shift() ?? null;
      this.passedInThisLife = 0;
      try {
        const outcome = await runProcedure(journal, this.runOptions(), (run) => work(run, this.context()));
        this.blow = null;
        this.store.isDown = false;
        this.expectPower(wanted, changed);
        const announced = journal.entries.flatMap((entry) => (entry.kind === 'announce' ? [entry] : []));
        return { outcome, journal, points: this.passed, announced };
      } catch (error) {
        if (this.dead === null && !(error instanceof ServiceError && error.remedy === 'retry')) throw error;
        if (life === LIVES_AT_MOST) throw error;
        if (this.dead !== null) changed = (await this.befall(fate, journal)) || changed;
      }
    }
  }

  /** @returns whether the power state may be another one now */
  private async befall(fate: Fate, journal: MemoryJournal): Promise<boolean> {
    this.dead = null;
    const qemu = this.host.qemu(this.instance);
    // Something else than the worker sees to that.
    if (qemu) qemu.frozen = false;
    this.expectLive();
    switch (fate) {
      case 'nothing':
        return false;
      case 'QEMU goes on':
        if (qemu?.job) qemu.finishJob(qemu.job);
        this.expectLive();
        return false;
      case 'power cut':
        this.host.cutPower(this.instance);
        return true;
      case 'power cut and boot':
        this.host.cutPower(this.instance);
        await this.start(journal.entries);
        this.writeSome();
        return true;
      case 'boot without hook':
        this.host.cutPower(this.instance);
        this.watching = false;
        this.host.compute.boot(this.instance);
        for (let block = 0; block < BLOCKS; block++) this.host.writeAsGuest(this.instance, block, 1);
        this.host.cutPower(this.instance);
        this.watching = true;
        return true;
      case 'boot if it can':
        try {
          await this.start(journal.entries);
        } catch (error) {
          if (!(error instanceof HypervisorRefusedError)) throw error;
          return false;
        }
        this.writeSome();
        return true;
      case 'store away':
        this.store.isDown = true;
        return false;
    }
  }

  private runOptions(): { cancel: AbortSignal; shutdown: AbortSignal } {
    this.cancellation = new AbortController();
    return { cancel: this.cancellation.signal, shutdown: new AbortController().signal };
  }

  /** The user thinks better of it. */
  cancel(): void {
    this.cancellation.abort();
  }

  context(): ProcedureContext {
    return {
      hypervisor: this.host.hypervisor,
      files: this.host.diskFiles,
      layers: this.store,
      compute: this.host.compute,
      images: this.images,
      settings: this.settings,
      now: () => new Date((this.clock += 1_000)),
      newFileId: () => this.host.newFileId(),
      transfer: (work) => work(),
      progress: (phase) => this.told.push(`${phase} ${this.passed.at(-1) ?? ''}`),
    };
  }

  /** Everything that happens on the host, in the store and in the journal comes by here. */
  private reached(point: string): void {
    if (!this.watching) return;
    if (this.dead !== null) throw new KilledError(this.dead);
    this.noticeBoot();
    this.noticeSeal(point);
    this.guestWrites();
    if (point === 'look') return;
    if (!this.isHurried) {
      this.expectLive();
      this.expectShortChain(point);
    }
    this.passed.push(point);
    this.onPoint?.(point);
    if (this.blow?.at !== this.passedInThisLife++) return;
    switch (this.blow.kind) {
      case 'kill worker':
        this.dead = point;
        throw new KilledError(point);
      case 'cut power':
        this.host.cutPower(this.instance);
        return;
      case 'start instance':
        this.host.compute.boot(this.instance);
        this.noticeBoot();
        this.writeSome();
        return;
    }
  }

  private noticeSeal(point: string): void {
    const moment = { disk: this.guest, writes: this.log.length };
    if (point === 'switched') this.sealed = { ...moment, switched: true };
    if (point === 'copying disk') this.sealed = { ...moment, switched: false };
    // Of a stopped instance: moving the name is all that there is to a seal.
    if (point === 'after point disk' && !this.sealed?.switched) this.sealed = { ...moment, switched: true };
  }

  /** A guest that has just booted goes by what it finds: its own disk, or the one that was put in its place. */
  private noticeBoot(): void {
    const qemu = this.host.qemu(this.instance);
    if (qemu === this.knownQemu) return;
    this.knownQemu = qemu;
    if (!qemu) return;
    const view = this.host.liveView(this.instance) ?? [];
    if (this.target && !this.landed && qemu?.active.file !== this.replacedDisk) {
      must(view, this.target, 'what the guest finds in the place of its disk');
      this.land(this.target);
    } else must(view, this.guest, 'what the guest finds when it boots');
  }

  private land(target: Disk): void {
    this.aside = { head: null, since: 0, owes: false, operationId: '' as OperationId, ...this.aside, disk: this.guest };
    this.guest = [...target];
    this.landedAt = this.log.length;
    this.landed = true;
  }

  private async replaced(
    target: Disk,
    procedure: string,
    options: { blow?: Blow | readonly Blow[] | null; fate?: Fate },
    operationId: OperationId,
    work: Procedure,
  ): Promise<Report> {
    this.target = target;
    this.replacedDisk = this.host.lookUp(`${this.host.instance(this.instance).directory}/disk`);
    this.landed = false;
    const kept = this.aside;
    const report = await this.perform(procedure, options, work, operationId);
    if (report.outcome.kind === 'failed') {
      must(this.landed, false, 'a rollback that was taken back');
      this.aside = kept;
    } else if (!this.landed) {
      // It need not boot before we look, or its disk showed the target all along.
      if (this.powerState() !== 'stopped') must(this.guest, target, 'the disk that the guest got');
      this.land(target);
    }
    this.target = null;
    return report;
  }

  private guestWrites(asked = false): void {
    const qemu = this.host.qemu(this.instance);
    if (!qemu || qemu.paused || qemu.frozen || (this.lull && !asked)) return;
    const block = this.random(BLOCKS);
    // Now and then a discard.
    const value = this.random(6) === 0 ? 0 : 1 + this.random(199);
    this.host.writeAsGuest(this.instance, block, value);
    this.guest = this.guest.with(block, value);
    this.log.push(block);
  }

  private async quietly(work: () => Promise<void>): Promise<void> {
    const { watching } = this;
    this.watching = false;
    try {
      await work();
    } finally {
      this.watching = watching;
    }
  }

  private takeReportedHead({ outcome }: Report): void {
    if (outcome.kind !== 'finished') return;
    this.reportedHead = outcome.result.headLayerUid;
    this.reportedTop = outcome.result.topLayerUid;
  }

  private baseDisk(): Disk {
    return Array.from({ length: BLOCKS }, (_, block) => this.host.baseValue(block));
  }

  // ---- the oracle

  private expectLive(): void {
    const view = this.host.liveView(this.instance);
    if (view) expectDisk(view, this.guest, 'what the guest reads');
  }

  private expectShortChain(point: string): void {
    const { open, cold } = this.host.chainLengths(this.instance);
    if (open > 4 || cold > 4) expect.fail(`${open} layers open, ${cold} on disk ${point}`);
  }

  private expectPower(wanted: PowerState, changed: boolean): void {
    const now = this.powerState();
    must(this.host.qemu(this.instance)?.frozen ?? false, false, 'guest left frozen');
    if (changed) return;
    // What was stopped and started again is not paused any more.
    const restarted = wanted === 'paused' && this.passed.includes('after start');
    must(now, restarted ? 'running' : wanted, 'power state afterwards');
  }

  /** The upload holds what the guest changed since the state that it says it stands on, and nothing else. */
  private expectIncrement(layer: StoredLayer, sealed: Moment): void {
    must(layer.backingUid, this.head, 'what the new layer stands on');
    const changed = new Set(this.log.slice(this.since, sealed.writes));
    const { extents } = this.store.manifestOf(layer.uid);
    for (const [start, length] of extents) {
      for (let at = start; at < start + length; at += this.host.blockBytes) {
        if (!changed.has(at / this.host.blockBytes)) expect.fail(`block ${at / this.host.blockBytes} was not changed`);
      }
    }
  }

  /** Everything that must hold whenever no procedure is under way. */
  async audit(): Promise<void> {
    if (this.isHurried) return;
    await this.quietly(async () => {
      this.expectLive();
      expectDisk(this.host.coldView(this.instance), this.guest, 'the disk as headers describe it');
      for (const { layerUid, at } of this.points.values()) {
        expectDisk(this.store.restore(layerUid, this.baseDisk()), at.disk, 'restored from the store alone');
      }
      const record = await this.host.diskFiles.readRecord(this.instance);
      if (record) await this.auditRecord(record);
    });
  }

  private async auditRecord(record: ChainRecord): Promise<void> {
    const { diskFiles } = this.host;
    const found = await diskFiles.findChain(this.instance);
    must(
      found.map(({ inode }) => inode).reverse(),
      record.files.map((f) => f.inode),
      'record and chain',
    );
    const there = diskFiles.layersOf(this.instance).map(({ id }) => id);
    must(there.sort(), [...filesNeededBy(record)].sort(), 'files on disk are those on record');
    must(record.transient, [], 'files under way');

    const qemu = this.host.qemu(this.instance);
    if (qemu) {
      const files = record.files.map(({ fileId }) => diskFiles.fileOf(this.instance, fileId)).reverse();
      const descriptors = qemu.chain.slice(0, -1).map(({ file }) => files.indexOf(file));
      must(descriptors, [...files.keys()], 'descriptors of QEMU');
      must(
        qemu.chain.map(({ readOnly }) => readOnly),
        [false, ...files.map(() => true)],
        'read-only',
      );
      must([qemu.loose.length, qemu.job, qemu.frozen], [0, null, false], 'left in QEMU');
    }
    for (const file of [...record.files, ...(record.safety?.files ?? [])]) {
      const sealed = file.asOf && this.seals.get(file.asOf);
      if (!sealed || file.mixture) continue;
      expectDisk(this.host.coldView(this.instance, file.fileId), sealed.disk, `as of ${file.asOf}`);
    }
    for (const detached of [record.detached, record.safety?.detached]) {
      const sealed = detached && this.seals.get(detached.asOf);
      if (!detached || !sealed) continue;
      const below = detached.backing ? this.store.restore(detached.backing, this.baseDisk()) : this.baseDisk();
      const own = diskFiles.fileOf(this.instance, detached.fileId)?.blocks;
      const shown = below.map((value, block) => own?.get(block) ?? value);
      must(shown, sealed.disk, 'detached');
    }
    const setAside = record.safety?.files.at(-1);
    if (setAside) {
      must(this.aside?.operationId, record.safety?.operationId, 'the safety point');
      must(this.host.coldView(this.instance, setAside.fileId), this.aside?.disk, 'what was set aside');
    }
  }
}

/** Vitest's own comparison costs far more, and this is asked some million times. */
function must(found: unknown, wanted: unknown, what: string): void {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) expect(found, `found ${what}`).toEqual(wanted);
}

function expectDisk(found: Disk | null, wanted: Disk, what: string): void {
  if (!found || !same(found, wanted)) expect(found, `found ${what}`).toEqual(wanted);
}

const same = (a: Disk, b: Disk): boolean => a.every((value, i) => value === b[i]);
