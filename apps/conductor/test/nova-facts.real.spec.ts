import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Catalog } from '@varve/catalog';
import type { HostName, InstanceId, ProjectId } from '@varve/core';
import { migrations } from '@varve/migrations';
import { freshDatabase } from '../../../testbed/services/shared.ts';
import { readNovaMessage } from '../src/notifications/nova-message.js';
import { recordNews } from '../src/notifications/nova-notifications.js';
import { reconcile } from '../src/notifications/nova-reconciliation.js';
import { apiAfter, readRecording, steps, wrapped } from '../src/notifications/testing/recording.js';
import type { Recording } from '../src/notifications/testing/recording.js';
import { newInstance } from './kit/fake-worker.js';
import { silent } from './kit/silent.js';

let catalog: Catalog;
const recording = readRecording();
const HOST = 'compute-1' as HostName;

beforeAll(async () => {
  catalog = new Catalog({ url: await freshDatabase(), applicationName: 'spec' }, migrations, silent);
  await catalog.open();
});
afterAll(() => catalog?.close());

/** Always the same for a seed. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function shuffled<T>(items: readonly T[], next: () => number): T[] {
  const copy = [...items];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [copy[i], copy[j]] = [copy[j] as T, copy[i] as T];
  }
  return copy;
}

/** The recording under another id, so that each case has a server of its own. */
function another(): Recording {
  const id = crypto.randomUUID();
  return JSON.parse(JSON.stringify(recording).replaceAll(recording.instance, id)) as Recording;
}

/** The server's host reports it, with a chain that stands on something stored. */
async function enrol(id: InstanceId, projectId: string, host = HOST): Promise<void> {
  const data = {
    host,
    version: '1',
    startedAt: new Date().toISOString(),
    versions: {},
    freeBytes: 1,
    openJournals: 0,
    instances: [newInstance(projectId, { id, name: 'as libvirt has it', projectId: projectId as ProjectId })],
  };
  const event = {
    specversion: '1.0' as const,
    id: crypto.randomUUID(),
    source: `/varve/hosts/${host}`,
    type: 'host.heartbeat' as const,
    subject: host,
    time: new Date().toISOString(),
    datacontenttype: 'application/json' as const,
    data,
  };
  await catalog.transaction(async (tx) => {
    await tx.hosts.heard(event);
    await tx.instances.reported(host, data.instances, event.time);
    await tx.query(`update instances set head_layer_uid = $2 where id = $1 and head_layer_uid is null`, [
      id,
      crypto.randomUUID(),
    ]);
  });
}

const until = (of: Recording, step: string) => {
  const all = steps(of);
  return of.notifications.filter(({ during }) => all.indexOf(during) <= all.indexOf(step));
};

async function hear(messages: Recording['notifications']): Promise<void> {
  for (const { message } of messages) {
    const news = readNovaMessage(wrapped(message), new Date());
    if (news) await catalog.transaction((tx) => recordNews(tx, news));
  }
}

/** All that the catalog ends with, but for when it was looked at. */
type Outcome = Awaited<ReturnType<typeof outcome>>;
async function outcome(id: InstanceId) {
  return catalog.read(async (tx) => {
    const facts = await tx.compute.find(id);
    const instance = await tx.instances.find(id);
    return {
      vmState: facts?.vmState,
      host: facts?.host,
      name: facts?.name,
      isDeleted: facts ? facts.deletedAt !== null : null,
      root: facts?.rootRequestId,
      instance: { name: instance?.name, state: instance?.state, hasHead: instance?.headLayerUid !== null },
    };
  });
}

/** Of a server that is gone, Nova's API can no longer say what it was. */
const onceGone = ({ vmState, isDeleted, instance: { state, hasHead } }: Outcome): object => ({
  vmState,
  isDeleted,
  state,
  hasHead,
});

describe('what Nova notifies', () => {
  const cases = steps(recording).flatMap((step, i) =>
    [1, 2, 3].map((seed) => ({ step, seed: seed * 100 + i, lost: [0, 0.3, 1][seed - 1] ?? 0 })),
  );

  it.each(cases)(
    'up to "$step", in any order, repeated, and with $lost of it lost: a reconciliation ends in the same (seed $seed)',
    async ({ step, seed, lost }) => {
      const project = String(recording.shown[0]?.server['tenant_id']);
      const plain = another();
      await enrol(plain.instance, project);
      await hear(until(plain, step));
      const expected = await outcome(plain.instance);

      const next = random(seed);
      const mixed = another();
      await enrol(mixed.instance, project);
      const all = until(mixed, step);
      const kept = shuffled([...all, ...all.filter(() => next() < 0.2)], next).filter(() => next() >= lost);
      await hear(kept);
      if (lost === 0) expect(await outcome(mixed.instance), 'before the reconciliation').toEqual(expected);

      await catalog.transaction((tx) =>
        tx.query(`update instances set state = 'unknown' where id = $1 and $2`, [mixed.instance, step === 'delete']),
      );
      await reconcile(catalog, onlyOf(mixed, step), silent);
      const outcomes = [await outcome(mixed.instance), expected];
      const [found, wanted] = step === 'delete' ? outcomes.map(onceGone) : outcomes;
      expect(found).toEqual(wanted);
    },
  );

  /** Other cases' servers are in the same catalog: they are not missing, only not asked about. */
  function onlyOf(of: Recording, step: string): ReturnType<typeof apiAfter> {
    const api = apiAfter(of, step);
    return {
      ...api,
      servers: async (after, limit) => {
        const page = await api.servers(after, limit);
        const others = await catalog.read((tx) => tx.compute.missing([of.instance]));
        return { ...page, unclear: others.map(({ instanceId }) => instanceId) };
      },
    };
  }

  it('of a rebuild takes the chain off what is stored, and leaves alone what was stored since', async () => {
    const of = another();
    const project = String(recording.shown[0]?.server['tenant_id']);
    await enrol(of.instance, project);
    await hear(until(of, 'rebuild'));
    expect(await outcome(of.instance)).toMatchObject({ instance: { hasHead: false } });

    // A snapshot that was begun after the rebuild has put the chain on something again.
    await catalog.transaction(async (tx) => {
      await tx.query(
        `insert into operations (id, instance_id, project_id, host, kind, state, phase, epoch, snapshot_uid, settled_by,
           user_id, created_at, started_at, finished_at)
         values ($1, $2, $3, $4, 'snapshot', 'succeeded', 'finishing', 7, $1, 'event', 'u', now(), now(), now())`,
        [crypto.randomUUID(), of.instance, project, HOST],
      );
      await tx.instances.chainIs(of.instance, 7, {
        head: crypto.randomUUID() as never,
        top: crypto.randomUUID() as never,
        length: 1,
      });
      await tx.compute.apply(of.instance);
    });
    await hear(until(of, 'rebuild'));
    expect(await outcome(of.instance)).toMatchObject({ instance: { hasHead: true } });
  });

  it('of a migration lets the new host report the instance at once, and nobody else', async () => {
    const of = another();
    const project = String(recording.shown[0]?.server['tenant_id']);
    await enrol(of.instance, project);
    await enrol(of.instance, project, 'compute-2' as HostName);
    const hostOf = async () => (await catalog.read((tx) => tx.instances.find(of.instance)))?.host;
    expect(await hostOf()).toBe('compute-1');

    const moved = until(of, 'start').map((one) => ({
      ...one,
      message: JSON.parse(JSON.stringify(one.message).replaceAll('"host":"compute-1"', '"host":"compute-2"')) as never,
    }));
    await hear(moved);
    await enrol(of.instance, project, 'compute-2' as HostName);
    expect(await hostOf()).toBe('compute-2');
    await enrol(of.instance, project);
    expect(await hostOf()).toBe('compute-2');
  });
});
