import { Catalog, settle } from '@varve/catalog';
import type { CatalogTx, OperationEntity } from '@varve/catalog';
import type { EventData, Step, VarveEvent } from '@varve/contracts';
import { HostUnavailableError, problemOf } from '@varve/core';
import type { HostName, InstanceId, LayerUid, OperationId, ProjectId, SnapshotUid } from '@varve/core';
import { migrations } from '@varve/migrations';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase } from '../../../testbed/services/shared.ts';
import { recordChain, recordHeartbeat, recordOperationEvent, UnknownOperationError } from '../src/recorder/record.js';
import { eventsOf } from './kit/events.js';
import type { DiskJob } from './kit/events.js';
import { silent } from './kit/silent.js';
import { until } from './kit/until.js';

let catalog: Catalog;
const closing: (() => Promise<void>)[] = [];
const HOST = 'compute-1' as HostName;
const PROJECT = 'red' as ProjectId;
const T0 = Date.parse('2026-11-22T10:00:00Z');

beforeAll(async () => {
  catalog = new Catalog({ url: await freshDatabase(), applicationName: 'spec' }, migrations, silent);
  await catalog.open();
});
afterAll(async () => {
  for (const close of closing) await close();
  await catalog?.close();
});

const heartbeat = (
  host: HostName,
  instances: object[],
  atMs = Date.now(),
): Extract<VarveEvent, { type: 'host.heartbeat' }> => ({
  specversion: '1.0',
  id: crypto.randomUUID(),
  source: `/varve/hosts/${host}`,
  type: 'host.heartbeat',
  subject: host,
  time: new Date(atMs).toISOString(),
  datacontenttype: 'application/json',
  data: {
    host,
    version: '1',
    startedAt: '2026-11-22T09:00:00Z',
    versions: {},
    freeBytes: 1,
    openJournals: 0,
    instances: instances as never,
  },
});
const reported = (id: InstanceId, projectId = PROJECT, state = 'running') => ({
  id,
  projectId,
  name: 'one',
  state,
  virtualSizeBytes: 1,
  chainLength: 1,
  unsupported: null,
});

interface Begun {
  readonly job: DiskJob;
  readonly instanceId: InstanceId;
}

/** An instance with one stored snapshot, and a new operation on it. */
async function begin(kind: 'snapshot' | 'rollback'): Promise<Begun> {
  const instanceId = crypto.randomUUID() as InstanceId;
  await catalog.transaction((tx) => recordHeartbeat(tx, heartbeat(HOST, [reported(instanceId)])));
  const first = await start(instanceId, 'snapshot', null);
  for (const event of eventsOf(first, { atMs: T0, backing: null })) await record(event);
  const job = await start(instanceId, kind, first);
  return { job, instanceId };
}

async function start(instanceId: InstanceId, kind: 'snapshot' | 'rollback', first: DiskJob | null): Promise<DiskJob> {
  const operationId = crypto.randomUUID() as OperationId;
  const target = first?.type === 'snapshot.take' ? first.snapshotUid : null;
  const snapshotUid = kind === 'rollback' && target ? target : (crypto.randomUUID() as SnapshotUid);
  return catalog.transaction(async (tx) => {
    await tx.instances.lock(instanceId);
    const epoch = await tx.instances.nextEpoch(instanceId);
    await tx.operations.start({
      id: operationId,
      instanceId,
      projectId: PROJECT,
      host: HOST,
      kind,
      epoch,
      requestId: null,
      userId: 'me',
      snapshotUid,
    });
    if (kind === 'snapshot') {
      await tx.restorePoints.reserve({ uid: snapshotUid, instanceId, projectId: PROJECT, name: null, operationId });
    } else {
      await tx.restorePoints.update(snapshotUid, { status: 'restoring' });
    }
    const layerUid = crypto.randomUUID() as LayerUid;
    const lineage =
      first?.type === 'snapshot.take' ? [{ uid: first.layerUid, manifestKey: '', manifestSha256: '' }] : [];
    const of = {
      version: 1,
      operationId,
      instanceId,
      projectId: PROJECT,
      epoch,
      requestedAt: '',
    } as const;
    return kind === 'snapshot'
      ? { type: 'snapshot.take', ...of, storedLayers: [], snapshotUid, layerUid, quiesce: 'none' }
      : { type: 'rollback.run', ...of, storedLayers: [], snapshotUid, lineage, currentLineage: [] };
  });
}

const record = (event: VarveEvent): Promise<unknown> =>
  catalog.transaction<unknown>((tx) => {
    if (event.type === 'instance.chain') return recordChain(tx, event);
    return event.type === 'host.heartbeat' ? recordHeartbeat(tx, event) : recordOperationEvent(tx, event);
  });

const sweep = (id: OperationId): Promise<void> =>
  catalog.transaction(async (tx) => {
    const operation = await tx.operations.lock(id);
    if (operation)
      await settle(tx, operation, {
        state: 'failed',
        problem: problemOf(new HostUnavailableError(HOST)),
        settledBy: 'sweep',
        at: new Date(),
      });
  });

/** All that the catalog says of the instance, with ids and arrival times put aside. */
async function rowsOf({ instanceId }: Begun): Promise<string> {
  const dump = await catalog.read(async (tx) => ({
    instance: await tx.query('select head_layer_uid, head_epoch, chain_length, epoch from instances where id = $1', [
      instanceId,
    ]),
    operations: await tx.query(
      `select to_jsonb(o) - 'created_at' - 'progress_key' as row from operations o where instance_id = $1 order by epoch`,
      [instanceId],
    ),
    points: await tx.query(
      `select to_jsonb(p) - 'created_at' as row from restore_points p where instance_id = $1 order by created_at, uid`,
      [instanceId],
    ),
    layers: await tx.query(`select to_jsonb(l) as row from layers l where instance_id = $1 order by created_at, uid`, [
      instanceId,
    ]),
  }));
  const names = new Map<string, string>();
  return JSON.stringify(dump, null, 1).replace(
    /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g,
    (uuid) => {
      if (!names.has(uuid)) names.set(uuid, `id${names.size}`);
      return names.get(uuid) ?? '';
    },
  );
}

/** The same random orders in every run. */
function shuffled<T>(items: readonly T[], seed: number): T[] {
  const all = [...items];
  let state = seed * 2654435761;
  const random = (): number => (state = (state * 1664525 + 1013904223) >>> 0) / 2 ** 32;
  for (let i = all.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [all[i], all[j]] = [all[j] as T, all[i] as T];
  }
  return all;
}

describe.each([
  ['snapshot', 'succeeded'],
  ['snapshot', 'failed'],
  ['snapshot', 'cancelled'],
  ['rollback', 'succeeded'],
  ['rollback', 'failed'],
] as const)('the events of a %s that has %s', (kind, outcome) => {
  it('end in the same rows in any order, however often they come, given up by a sweep in between or not', async () => {
    const straight = await begin(kind);
    for (const event of eventsOf(straight.job, { atMs: T0 + 60_000, outcome, backing: null })) await record(event);
    const expected = await rowsOf(straight);

    for (let seed = 1; seed <= 24; seed++) {
      const begun = await begin(kind);
      const events = eventsOf(begun.job, { atMs: T0 + 60_000, outcome, backing: null });
      const twice = seed % 2 ? [...events, ...shuffled(events, seed + 1000).slice(0, 4)] : events;
      const order = shuffled(twice, seed);
      const sweepAt = seed % 3 === 0 ? seed % order.length : -1;
      for (const [i, event] of order.entries()) {
        if (i === sweepAt) await sweep(begun.job.operationId);
        await record(event);
      }
      expect(await rowsOf(begun), `order ${order.map(({ type }) => type).join(', ')}; swept before ${sweepAt}`).toBe(
        expected,
      );
    }
  });
});

describe('what comes late', () => {
  const operationOf = async ({ job }: Begun): Promise<OperationEntity> => {
    const operation = await catalog.read((tx: CatalogTx) => tx.operations.find(job.operationId));
    if (!operation) throw new Error('no operation');
    return operation;
  };

  it('turns a snapshot that was given up into one that succeeded', async () => {
    const begun = await begin('snapshot');
    const events = eventsOf(begun.job, { atMs: T0, backing: null });
    await record(events[0] as VarveEvent);
    await sweep(begun.job.operationId);
    expect(await operationOf(begun)).toMatchObject({
      state: 'failed',
      settledBy: 'sweep',
      problem: { code: 'host_unavailable' },
    });
    for (const event of events.filter(({ type }) => type !== 'operation.finished')) await record(event);

    expect(await operationOf(begun)).toMatchObject({ state: 'succeeded', problem: null });
    if (begun.job.type !== 'snapshot.take') throw new Error(begun.job.type);
    const { snapshotUid, layerUid } = begun.job;
    const top = () => catalog.read((tx) => tx.instances.topOf(begun.instanceId));
    expect(await top(), 'nobody is sure of the chain').toBeUndefined();
    for (const event of events) await record(event);
    expect(await top()).toBe(layerUid);
    const point = await catalog.read((tx) => tx.restorePoints.find(snapshotUid));
    expect(point).toMatchObject({ status: 'available', layerUid, problem: null });
  });

  it('progress neither reopens what is over nor moves the point of no return back', async () => {
    const begun = await begin('snapshot');
    const events = eventsOf(begun.job, { atMs: T0, backing: null });
    for (const event of events) await record(event);
    const { operationId, instanceId } = begun.job;
    const progress = events.find(({ type }) => type === 'operation.progress');
    if (progress?.type !== 'operation.progress') throw new Error('no progress');
    await record({
      ...progress,
      id: 'late',
      time: new Date(T0 + 3_600_000).toISOString(),
      data: { operationId, instanceId, phase: 'uploading', doneBytes: 1, totalBytes: 2, pastNoReturn: false },
    });
    expect(await operationOf(begun)).toMatchObject({ state: 'succeeded', pastNoReturn: true });
  });

  it('does not bring a deleted layer back', async () => {
    const begun = await begin('snapshot');
    const events = eventsOf(begun.job, { atMs: T0, backing: null, head: null });
    for (const event of events) await record(event);
    if (begun.job.type !== 'snapshot.take') throw new Error(begun.job.type);
    const { snapshotUid, layerUid, instanceId } = begun.job;
    await catalog.transaction(async (tx) => {
      await tx.restorePoints.remove(snapshotUid);
      expect(await tx.layers.discardFrom(layerUid, instanceId)).toEqual([layerUid]);
    });
    for (const event of events) await record(event);
    expect(await catalog.read((tx) => tx.layers.storedUids(instanceId))).not.toContain(layerUid);
  });

  it('keeps every layer as long as it is not known where an operation that was given up has left the chain', async () => {
    const begun = await begin('snapshot');
    if (begun.job.type !== 'snapshot.take') throw new Error(begun.job.type);
    const { snapshotUid, layerUid, instanceId } = begun.job;
    for (const event of eventsOf(begun.job, { atMs: T0, backing: null, head: null })) await record(event);
    const unsure = await start(instanceId, 'snapshot', null);
    await sweep(unsure.operationId);
    await catalog.transaction(async (tx) => {
      await tx.restorePoints.remove(snapshotUid);
      expect(await tx.layers.discardFrom(layerUid, instanceId)).toEqual([]);
    });
    for (const event of eventsOf(unsure, { atMs: T0, outcome: 'failed', backing: null, head: null }))
      await record(event);
    await catalog.transaction(async (tx) =>
      expect(await tx.layers.discardFrom(layerUid, instanceId)).toEqual([layerUid]),
    );
  });

  it('about an operation that nobody knows is refused with that reason', async () => {
    const begun = await begin('snapshot');
    const stranger = { ...begun.job, operationId: crypto.randomUUID() as OperationId };
    const elsewhere = { ...begun.job, instanceId: crypto.randomUUID() as InstanceId };
    for (const job of [stranger, elsewhere]) {
      const [accepted] = eventsOf(job, { atMs: T0, backing: null });
      await expect(record(accepted as VarveEvent)).rejects.toThrow(UnknownOperationError);
    }
  });
});

describe('a heartbeat', () => {
  const stateOf = async (id: InstanceId): Promise<string | undefined> =>
    (await catalog.read((tx) => tx.instances.find(id)))?.state;

  it('makes known what a host has; what it no longer reports becomes unknown and is not deleted', async () => {
    const [one, two] = [crypto.randomUUID() as InstanceId, crypto.randomUUID() as InstanceId];
    const host = 'compute-2' as HostName;
    const now = Date.now();
    await record(heartbeat(host, [reported(one), reported(two)], now));
    await record(heartbeat(host, [reported(two, PROJECT, 'paused')], now + 1));
    expect([await stateOf(one), await stateOf(two)]).toEqual(['unknown', 'paused']);
    await record(heartbeat(host, [reported(one), reported(two)], now)); // comes again, late
    expect([await stateOf(one), await stateOf(two)]).toEqual(['unknown', 'paused']);
    await record(heartbeat(host, [reported(one), reported(two)], now + 2));
    expect([await stateOf(one), await stateOf(two)]).toEqual(['running', 'running']);
  });

  it("can't take an instance over from a host that reports it, nor move it to another project", async () => {
    const id = crypto.randomUUID() as InstanceId;
    const [mine, other] = ['compute-3' as HostName, 'compute-4' as HostName];
    await record(heartbeat(mine, [reported(id)]));
    expect(await record(heartbeat(other, [reported(id)]))).toEqual([id]);
    expect(await record(heartbeat(mine, [reported(id, 'blue' as ProjectId)]))).toEqual([id]);
    expect(await catalog.read((tx) => tx.instances.find(id))).toMatchObject({ host: mine, projectId: 'red' });

    await record(heartbeat(mine, [])); // it has moved away
    expect(await record(heartbeat(other, [reported(id)]))).toEqual([]);
    expect(await catalog.read((tx) => tx.instances.find(id))).toMatchObject({ host: other, state: 'running' });
  });
});

describe('the chain of an instance', () => {
  const HOST_OF_CHAINS = 'compute-5' as HostName;
  const uid = (): LayerUid => crypto.randomUUID() as LayerUid;
  const chain = (
    atMs: number,
    layers: (LayerUid | null)[],
    kept: EventData<'instance.chain'>['chain']['kept'] = null,
  ) => ({
    observedAt: new Date(atMs).toISOString(),
    base: { name: 'base', sizeBytes: 10, sha256: null },
    layers: layers.map((asOf) => ({
      fileId: null,
      asOf,
      merged: 1,
      isMixture: false,
      fileBytes: 2,
      allocatedBytes: 1,
    })),
    kept,
  });
  const chainEvent = (instanceId: InstanceId, said: ReturnType<typeof chain>, host = HOST_OF_CHAINS): VarveEvent => ({
    ...heartbeat(host, []),
    type: 'instance.chain',
    subject: instanceId,
    data: { host, instanceId, chain: said },
  });
  const recorded = async (id: InstanceId): Promise<(LayerUid | null)[] | undefined> =>
    (await catalog.read((tx) => tx.instances.find(id)))?.chain?.layers.map(({ asOf }) => asOf);
  const now = Date.now();

  it('is what its host said last, by a heartbeat or in between, whatever comes late', async () => {
    const id = crypto.randomUUID() as InstanceId;
    const [a, b] = [uid(), uid()];
    await record(heartbeat(HOST_OF_CHAINS, [{ ...reported(id), chain: chain(now, [null]) }], now));
    await record(chainEvent(id, chain(now + 20, [a, null])));
    await record(chainEvent(id, chain(now + 10, [b, null])));
    expect(await recorded(id)).toEqual([a, null]);
    await record(heartbeat(HOST_OF_CHAINS, [{ ...reported(id), chain: chain(now + 15, [null]) }], now + 30));
    expect(await recorded(id)).toEqual([a, null]);
    await record(heartbeat(HOST_OF_CHAINS, [{ ...reported(id), chain: chain(now + 40, [b, null]) }], now + 40));
    expect(await recorded(id)).toEqual([b, null]);
  });

  it('stays as it was when a host does not tell of chains, and is not known when it could not look', async () => {
    const id = crypto.randomUUID() as InstanceId;
    const host = 'compute-6' as HostName;
    await record(heartbeat(host, [{ ...reported(id), chain: chain(now, [null]) }], now));
    await record(heartbeat(host, [reported(id)], now + 1));
    expect(await recorded(id)).toEqual([null]);
    await record(heartbeat(host, [{ ...reported(id), chain: null }], now + 2));
    expect(await recorded(id)).toBeUndefined();
  });

  it('is not for another host to say', async () => {
    const id = crypto.randomUUID() as InstanceId;
    const host = 'compute-7' as HostName;
    await record(heartbeat(host, [{ ...reported(id), chain: chain(now, [null]) }], now));
    await record(chainEvent(id, chain(now + 10, [uid(), null]), 'compute-8' as HostName));
    expect(await recorded(id)).toEqual([null]);
  });

  it('is told of to whoever listens, when it changes and not each time that it is said', async () => {
    const id = crypto.randomUUID() as InstanceId;
    const host = 'compute-9' as HostName;
    const told: string[] = [];
    await new Promise<void>((listening, failed) => {
      const listener = catalog.listen('varve_instance', (payload) => told.push(payload), listening);
      closing.push(() => listener.close());
      setTimeout(() => failed(new Error('not listening')), 60_000).unref();
    });
    const mine = (): number => told.filter((payload) => payload === id).length;
    for (let i = 0; i < 3; i++)
      await record(heartbeat(host, [{ ...reported(id), chain: chain(now + i, [null]) }], now + i));
    await until('the first is told of', () => mine() === 1);
    await record(chainEvent(id, chain(now + 10, [uid(), null]), host));
    await until('the change is told of', () => mine() === 2);
    await record(heartbeat(host, [{ ...reported(id, PROJECT, 'stopped'), chain: chain(now + 5, [null]) }], now + 20));
    await until('the state is told of', () => mine() === 3);
  });
});

describe('the steps of an operation', () => {
  const stepsOf = ({ job }: Begun) => catalog.read((tx) => tx.steps.of(job.operationId));

  it('are there while it runs, each as it was last heard of', async () => {
    const begun = await begin('snapshot');
    const events = eventsOf(begun.job, { atMs: T0, backing: null }).filter(({ type }) => type === 'operation.step');
    const [begins, ends, next] = events;
    for (const event of [next, ends, begins]) await record(event as VarveEvent);
    expect(await stepsOf(begun)).toMatchObject([
      { name: 'examine chain', state: 'done', startedAt: new Date(T0 + 1_000).toISOString() },
      { name: 'do it', state: 'running', finishedAt: null },
    ]);
  });

  it('are all there at the end, also those that were lost, and do not grow without end', async () => {
    const begun = await begin('snapshot');
    const events = eventsOf(begun.job, { atMs: T0, backing: null });
    const end = events.at(-1);
    if (end?.type !== 'operation.finished') throw new Error('no end');
    const many = Array.from({ length: 1000 }, (_, i) => ({ ...(end.data.steps?.[0] as Step), name: `step ${i}` }));
    for (const step of many.slice(0, 230)) {
      const data = { operationId: begun.job.operationId, instanceId: begun.instanceId, step };
      await record({ ...end, type: 'operation.step', data });
    }
    expect(await stepsOf(begun)).toHaveLength(200);
    await record(end);
    expect(await stepsOf(begun)).toEqual(end.data.steps);
    const late = events.find(({ type }) => type === 'operation.step');
    await record({ ...(late as VarveEvent), time: new Date(T0 + 3_600_000).toISOString() });
    expect(await stepsOf(begun)).toEqual(end.data.steps);
  });
});
