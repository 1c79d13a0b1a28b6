import type { TakeSnapshot, VarveEvent } from '@varve/contracts';
import { NoSpaceError, ServiceUnavailableError } from '@varve/core';
import type { HostName, LayerUid, OperationId, ProjectId, SnapshotUid } from '@varve/core';
import type { JournalEntry } from '@varve/procedures';
import { FakeHost, FakeImageService, FakeLayerStore } from '@varve/ports/testing';
import { readdirSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { ImageService } from '@varve/ports';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FileJournals } from './file-journal.js';
import type { Halt, JournalMoment } from './halt.js';
import { headFor } from './procedures.js';
import { Reporter } from './reporter.js';
import { Runner } from './runner.js';

const HOST = 'host-1' as HostName;
const log = pino({ level: 'silent' });

describe('Runner', () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'varve-runner-'));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  /** Takes one snapshot on a fake host, with a disk under the journal that does what `halt` says. */
  async function snapshotWith(
    halt: Halt,
    prepare: (host: FakeHost) => void = () => undefined,
    other: { job?: object; images?: ImageService } = {},
  ): Promise<{ events: VarveEvent[]; entries: readonly JournalEntry[] }> {
    const host = new FakeHost({ blockCount: 16, reflink: true });
    const instance = await host.newInstance();
    await host.start(instance);
    prepare(host);
    await mkdir(join(root, instance));
    const events: VarveEvent[] = [];
    const sink = { publishEvent: (event: VarveEvent) => Promise.resolve(void events.push(event)) };
    const shutdown = new AbortController();
    const journals = new FileJournals(root, halt);
    const runner = new Runner(
      {
        hypervisor: host.hypervisor,
        files: host.diskFiles,
        compute: host.compute,
        layers: new FakeLayerStore((path) => host.lookUp(path), host.blockBytes),
        images: other.images ?? new FakeImageService(),
        settings: {
          mergeStrategy: 'auto',
          mergeBytesPerSecond: 0,
          switchDeadlineMs: 1_000,
          quiesceDeadlineMs: 1_000,
          reserveBytes: 0,
          stopGraceMs: 1_000,
        },
      },
      journals,
      new Reporter(HOST, sink, log, shutdown.signal),
      log,
      shutdown.signal,
      2,
    );
    const job = {
      type: 'snapshot.take',
      version: 1,
      operationId: host.newId() as OperationId,
      instanceId: instance,
      projectId: 'demo' as ProjectId,
      epoch: 1,
      requestedAt: '2026-01-01T00:00:00Z',
      snapshotUid: host.newId() as SnapshotUid,
      layerUid: host.newId() as LayerUid,
      quiesce: 'none',
      storedLayers: [],
      ...other.job,
    } as TakeSnapshot;
    runner.enqueue(await journals.create(instance, headFor(job, new Date())));
    await runner.idle();
    const found = await journals.find(instance, job.operationId);
    return { events, entries: found?.entries ?? [] };
  }

  const finished = (events: VarveEvent[]): unknown[] =>
    events.flatMap(({ type, data }) => (type === 'operation.finished' ? [data] : []));

  /** As a full or broken disk does, once. */
  function failsOnce(moment: JournalMoment, at: (entry: JournalEntry) => boolean): Halt & { failures: () => number } {
    let failures = 0;
    const halt: Halt = (now, entry) => {
      if (failures > 0 || now !== moment || !at(entry)) return;
      failures++;
      throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    };
    return Object.assign(halt, { failures: () => failures });
  }

  it('takes a procedure to its end, and says so once', async () => {
    const { events, entries } = await snapshotWith(() => undefined);
    expect(finished(events)).toEqual([expect.objectContaining({ state: 'succeeded', problem: null })]);
    expect(entries.at(-1)).toMatchObject({ kind: 'closed' });
  });

  it.each([
    ['before', 'begin'],
    ['after', 'begin'],
    ['before', 'done'],
    ['after', 'done'],
    ['before', 'no-return'],
    ['after', 'no-return'],
    ['before', 'announce'],
    ['after', 'announce'],
    ['before', 'announced'],
    ['after', 'announced'],
    ['before', 'closed'],
    ['after', 'closed'],
  ] as const)('goes on from what the journal holds when the disk failed it %s a "%s"', async (moment, kind) => {
    let seen = 0;
    // The second of its kind where there is one, so that there is something to go on from.
    const nth = kind === 'no-return' || kind === 'closed' ? 1 : 2;
    const halt = failsOnce(moment, (entry) => entry.kind === kind && ++seen === nth);
    const { events, entries } = await snapshotWith(halt);
    expect(halt.failures()).toBe(1);
    expect(new Set(finished(events).map((data) => JSON.stringify(data))).size).toBe(1);
    expect(finished(events)[0]).toMatchObject({ state: 'succeeded', problem: null });
    expect(entries.at(-1)).toMatchObject({ kind: 'closed' });
  });

  const stepsIn = (events: VarveEvent[]): string[] =>
    events.flatMap(({ type, data }) => (type === 'operation.step' ? [`${data.step.name} ${data.step.state}`] : []));

  it('tells of each step as it begins and ends, and of all of them at the end', async () => {
    const { events, entries } = await snapshotWith(() => undefined);
    const begun = entries.flatMap((entry) => (entry.kind === 'begin' ? [entry.step] : []));
    expect(stepsIn(events)).toEqual(begun.flatMap((step) => [`${step} running`, `${step} done`]));
    const [end] = finished(events) as { steps: { name: string; state: string; startedAt: string }[] }[];
    expect(end?.steps.map(({ name, state }) => `${name} ${state}`)).toEqual(begun.map((step) => `${step} done`));
    const times = end?.steps.map(({ startedAt }) => startedAt) ?? [];
    expect(times).toEqual([...times].sort());
  });

  it('tells of a step that failed, and of its second try, in the end that it was done', async () => {
    let refusals = 0;
    const { events } = await snapshotWith(
      () => undefined,
      (host) => {
        const { diskFiles } = host;
        const pointDiskAt = diskFiles.pointDiskAt.bind(diskFiles);
        diskFiles.pointDiskAt = (...args) =>
          refusals++ === 0 ? Promise.reject(new NoSpaceError(1, 0, 'A name')) : pointDiskAt(...args);
      },
    );
    const name = 'point disk at overlay';
    const told = events.flatMap(({ type, data }) =>
      type === 'operation.step' && data.step.name === name ? [data.step] : [],
    );
    expect(told.map(({ state }) => state)).toEqual(['running', 'failed', 'running', 'done']);
    expect(told[1]?.detail).toMatch(/0 are free/);
    expect(finished(events)).toMatchObject([{ state: 'succeeded' }]);
    expect(JSON.stringify(finished(events))).not.toContain('failed');
  });

  it('says that an operation failed whose instance was deleted meanwhile, and its journal with it', async () => {
    const halt: Halt = (moment, entry) => {
      if (moment === 'before' && entry.kind === 'done' && entry.step === 'upload layer')
        for (const instance of readdirSync(root)) rmSync(join(root, instance), { recursive: true });
    };
    const { events, entries } = await snapshotWith(halt);
    expect(entries).toEqual([]);
    expect(finished(events)).toMatchObject([{ state: 'failed', problem: { code: 'not_found' } }]);
    expect(events.map(({ type }) => type)).not.toContain('snapshot.available');
  });

  it('says so too when what it began elsewhere cannot be taken back', async () => {
    const images = new FakeImageService();
    vi.spyOn(images, 'find').mockRejectedValue(new ServiceUnavailableError('Glance is away'));
    const deleted: Halt = () => readdirSync(root).forEach((name) => rmSync(join(root, name), { recursive: true }));
    const { events } = await snapshotWith(deleted, undefined, { job: { type: 'point.export' }, images });
    expect(finished(events)).toMatchObject([{ state: 'failed', problem: { code: 'not_found' } }]);
  });
});
