import { mkdtempSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freePorts } from '../../../testbed/services/ports.ts';
import { startServices } from '../../../testbed/services/services.ts';
import type { Services } from '../../../testbed/services/services.ts';
import { createApi } from '../../api/src/create-api.js';
import { ControlPlane } from './kit/control-plane.js';
import { newInstance } from './kit/fake-worker.js';
import type { DiskJob } from './kit/events.js';
import type { FakeWorker } from './kit/fake-worker.js';
import { until } from './kit/until.js';

// The database and the broker are taken away here: they are this file's own.

let services: Services;
let stateDir: string;
const planes: ControlPlane[] = [];

beforeAll(async () => {
  stateDir = mkdtempSync('/var/tmp/varve-outages-');
  services = await startServices({ stateDir, which: ['postgres', 'rabbitmq'] });
});
afterEach(async () => {
  await services.postgres.start();
  await services.rabbitmq.start();
  for (const plane of planes.splice(0)) await plane.stop();
});
afterAll(async () => {
  await services?.stop();
  rmSync(stateDir, { recursive: true, force: true });
});

async function start(more: { hostDownAfterS?: number; hostGoneAfterS?: number } = {}): Promise<ControlPlane> {
  const name = `t${crypto.randomUUID().slice(0, 8)}`;
  const plane = await ControlPlane.start({
    databaseUrl: await services.createDatabase(name),
    amqpUrl: await services.createVhost(name),
    apis: 2,
    conductors: 2,
    hostDownAfterS: 600,
    ...more,
  });
  planes.push(plane);
  return plane;
}

describe('the outbox', () => {
  it('reaches the host complete and in order, by two relays, while the broker is killed twice', async () => {
    const plane = await start();
    const worker = await plane.host('compute-1', [newInstance('red')]);
    const COUNT = 2_000;
    await plane.rows(
      `insert into outbox (exchange, routing_key, message_id, body, created_at)
       select 'varve.jobs', 'compute-1', 'm' || n, json_build_object('type', 'operation.cancel', 'version', 1,
         'operationId', gen_random_uuid(), 'instanceId', gen_random_uuid()), now() from generate_series(1, $1::int) n`,
      [COUNT],
    );
    for (const share of [0.2, 0.6]) {
      await until('some have arrived', () => worker.jobs.length > COUNT * share, 60_000);
      await services.rabbitmq.kill();
      await services.rabbitmq.start();
    }
    await until('all have arrived', () => worker.jobs.length === COUNT, 60_000);
    await until(
      'none is left',
      async () => (await plane.rows('select from outbox where published_at is null')).length === 0,
    );

    const first = [...new Set(worker.messageIds)];
    expect(first).toEqual(Array.from({ length: COUNT }, (_, n) => `m${n + 1}`));
    const repeated = worker.messageIds.length - COUNT;
    console.log(`outbox: ${COUNT} messages, ${repeated} came more than once`);
    // Of each kill at most a batch of the relay, and what the worker had not acknowledged.
    expect(repeated).toBeLessThan(250);
  });

  it('holds what is accepted while the broker is away; what is cancelled meanwhile never reaches the host', async () => {
    const plane = await start();
    const [one, two] = [newInstance('red'), newInstance('red')];
    const worker = await plane.host('compute-1', [one, two]);
    await services.rabbitmq.stop();

    const kept = await plane.call('member-red', 'POST', `/v1/instances/${one.id}/snapshots`, {});
    const dropped = await plane.call('member-red', 'POST', `/v1/instances/${two.id}/snapshots`, {});
    expect([kept.status, dropped.status]).toEqual([202, 202]);
    const operation = String(dropped.body['operationId']);
    // The relay notices that the broker is gone; until then it may hold the row for a moment.
    const cancelled = await until('it is cancelled at once', async () => {
      const { body } = await plane.call('member-red', 'POST', `/v1/operations/${operation}/cancel`);
      return body['state'] === 'cancelled' && body;
    });
    expect(cancelled).toMatchObject({ problem: { code: 'cancelled' } });
    const snapshot = await plane.call('member-red', 'GET', `/v1/snapshots/${String(dropped.body['uid'])}`);
    expect(snapshot.body).toMatchObject({ status: 'error', problem: { code: 'cancelled' } });

    await services.rabbitmq.start();
    await until('the other arrives', () => worker.jobFor(String(kept.body['operationId'])), 60_000);
    await plane.perform(worker, kept.body['operationId']);
    await plane.operation('member-red', kept.body['operationId'], 'succeeded');
    expect(worker.jobFor(operation)).toBeUndefined();
  });
});

describe('the database', () => {
  it('restarted twice under load: nothing accepted is lost, everything works again by itself', async () => {
    const plane = await start();
    const instances = Array.from({ length: 12 }, () => newInstance('red'));
    const worker = await plane.host('compute-1', instances);
    worker.automatic = true;
    const accepted: string[] = [];
    const statuses = new Map<string, number>();
    const stop = new AbortController();
    const load = instances.map(async ({ id }) => {
      while (!stop.signal.aborted) {
        const answer = await plane.call('member-red', 'POST', `/v1/instances/${id}/snapshots`, {});
        const { code } = answer.body;
        const what = typeof code === 'string' ? `${answer.status} ${code}` : `${answer.status}`;
        statuses.set(what, (statuses.get(what) ?? 0) + 1);
        if (answer.status === 202) accepted.push(String(answer.body['operationId']));
        else await until('a moment', () => new Promise<true>((resolve) => setTimeout(() => resolve(true), 20)));
      }
    });
    for (let i = 0; i < 2; i++) {
      const before = accepted.length;
      await until('work is being done', () => accepted.length > before + 20, 60_000);
      await (i === 0 ? services.postgres.kill() : services.postgres.stop());
      await until('it is noticed', () => (statuses.get('503 service_unavailable') ?? 0) > i * 20 + 5, 30_000);
      await services.postgres.start();
    }
    const before = accepted.length;
    await until('work is being done again', () => accepted.length > before + 20, 60_000);
    stop.abort();
    await Promise.all(load);

    expect(
      [...statuses.keys()].filter((what) => !/^(202|409 operation_running|503 service_unavailable)$/.test(what)),
    ).toEqual([]);
    console.log('load:', Object.fromEntries(statuses));
    const rows = await until(
      'all operations are over',
      async () => {
        const all = await plane.rows('select id, state from operations');
        return all.every(({ state }) => state === 'succeeded') && all;
      },
      60_000,
    );
    const known = new Set(rows.map(({ id }) => id));
    expect(accepted.filter((id) => !known.has(id))).toEqual([]);
    const left = await plane.rows(`select status, count(*)::int from restore_points group by status`);
    expect(left).toEqual([{ status: 'available', count: rows.length }]);
  });

  it('that hangs is answered with 503 in time, and live events go on when it is back', async () => {
    const plane = await start();
    const instance = newInstance('red');
    const worker = await plane.host('compute-1', [instance]);
    const asked = await plane.call('member-red', 'POST', `/v1/instances/${instance.id}/snapshots`, {});
    const stream = await fetch(`${plane.apis[0]?.url}/v1/operations/${String(asked.body['operationId'])}/events`, {
      headers: { 'x-auth-token': 'member-red' },
    });
    const text = stream.text();
    const job = await until('the job arrives', () => worker.jobFor(String(asked.body['operationId'])));

    // Its server processes, with the connections that the pools hold; then the one that would accept new ones.
    const backends = await plane.rows(`select pid from pg_stat_activity where datname = current_database()`);
    for (const { pid } of backends) signal(Number(pid), 'SIGSTOP');
    services.postgres.suspend();
    try {
      const began = Date.now();
      const answer = await plane.call('member-red', 'GET', '/v1/instances');
      expect(answer).toMatchObject({ status: 503, body: { code: 'service_unavailable', remedy: 'retry' } });
      expect(answer.headers.get('retry-after')).toBe('1');
      expect(Date.now() - began).toBeLessThan(60_000);
      expect((await plane.call('', 'GET', '/healthz')).status).toBe(200);
      expect((await plane.call('', 'GET', '/readyz')).status).toBe(503);
      await worker.perform(job); // the broker takes what the worker says
    } finally {
      services.postgres.resume();
      for (const { pid } of backends) signal(Number(pid), 'SIGCONT');
    }
    await plane.operation('member-red', job.operationId, 'succeeded');
    expect(await text).toMatch(/"state":"succeeded"/);
  });

  it('that is not there when the API starts is waited for', async () => {
    const databaseUrl = await services.createDatabase(`t${crypto.randomUUID().slice(0, 8)}`);
    await services.postgres.stop();
    const [port] = (await freePorts(1)) as [number];
    const starting = createApi({
      databaseUrl,
      http: { host: '127.0.0.1', port },
      identity: { kind: 'static', tokensFile: '/nowhere' },
      hostDownAfterS: 30,
      frameAncestors: "'none'",
      logLevel: 'silent',
    });
    const get = async (path: string): Promise<number> => (await fetch(`http://127.0.0.1:${port}${path}`)).status;
    await until('it listens', () => get('/healthz').catch(() => null));
    expect(await get('/readyz')).toBe(503);
    await services.postgres.start();
    const api = await starting;
    expect(await get('/readyz')).toBe(200);
    await api.close();
  });
});

describe('a host that is gone', () => {
  it('gets no new work; what it had fails, and the host is told to leave it should it come back', async () => {
    const plane = await start({ hostDownAfterS: 3, hostGoneAfterS: 6 });
    const [one, two] = [newInstance('red'), newInstance('red')];
    const worker = await plane.host('compute-1', [one, two]);
    const fallSilent = beating(worker);
    const asked = await plane.call('member-red', 'POST', `/v1/instances/${one.id}/snapshots`, {});
    const job = await until('the job arrives', () => worker.jobFor(String(asked.body['operationId'])));
    const events = worker.eventsOf(job);
    await worker.publish(events[0]!);
    await plane.operation('member-red', job.operationId, 'running');

    await fallSilent();
    await until(
      'it counts as down',
      async () => (await plane.call('member-red', 'GET', `/v1/instances/${two.id}`)).body['state'] === 'unknown',
    );
    const refused = await plane.call('member-red', 'POST', `/v1/instances/${two.id}/snapshots`, {});
    expect(refused.status).toBe(503);
    expect(refused.body).toMatchObject({ code: 'host_unavailable', remedy: 'retry', facts: { host: 'compute-1' } });
    expect((await plane.call('member-red', 'GET', `/v1/instances/${one.id}`)).body['state']).toBe('unknown');

    const failed = await plane.operation('member-red', job.operationId, 'failed');
    expect(failed).toMatchObject({ problem: { code: 'host_unavailable' } });
    await until('the host is told', () =>
      worker.jobs.some(({ type, operationId }) => type === 'operation.cancel' && operationId === job.operationId),
    );

    for (const event of events.slice(1)) await worker.publish(event);
    await plane.operation('member-red', job.operationId, 'succeeded');
    const { body } = await plane.call('member-red', 'GET', `/v1/snapshots/${String(asked.body['uid'])}`);
    expect(body['status']).toBe('available');
  });

  it('is not declared gone because we could not hear it: neither without the broker nor right after', async () => {
    const plane = await start({ hostDownAfterS: 5, hostGoneAfterS: 10 });
    const instance = newInstance('red');
    const worker = await plane.host('compute-1', [instance]);
    const asked = await plane.call('member-red', 'POST', `/v1/instances/${instance.id}/snapshots`, {});
    const job = await until('the job arrives', () => worker.jobFor(String(asked.body['operationId'])));
    // The last that is heard of it for long; until it would be given up the broker is away.
    await worker.heartbeat();
    await services.rabbitmq.stop();
    await until(
      'the host has been silent for long',
      async () => (await plane.rows(`select from hosts where seen_at < now() - interval '12 seconds'`)).length > 0,
      60_000,
    );
    const state = async () =>
      (await plane.call('member-red', 'GET', `/v1/operations/${job.operationId}`)).body['state'];
    expect(await state()).toBe('queued');

    await services.rabbitmq.start();
    await until(
      'the worker is back',
      () =>
        worker.heartbeat().then(
          () => true,
          () => false,
        ),
      60_000,
    );
    await worker.perform(job);
    await plane.operation('member-red', job.operationId, 'succeeded');
  });
});

describe('an instance that is gone from its host, with the journal of what went on', () => {
  it('is waited for no longer than a host would be, while others are; should it come to an end, that counts', async () => {
    const plane = await start({ hostDownAfterS: 3, hostGoneAfterS: 6 });
    const fresh = () => newInstance('red');
    const [lost, busy, trying, kept] = [fresh(), fresh(), fresh(), fresh()];
    const worker = await plane.host('compute-1', [lost, busy, trying, kept]);
    const jobs = new Map<string, DiskJob>();
    for (const { id } of [lost, busy, trying, kept]) {
      const { body } = await plane.call('member-red', 'POST', `/v1/instances/${id}/snapshots`, {});
      const job = await until('the job arrives', () => worker.jobFor(String(body['operationId'])));
      await worker.publish(worker.eventsOf(job)[0]!);
      await plane.operation('member-red', job.operationId, 'running');
      jobs.set(id, job);
    }
    const operation = async (of: { id: string }) =>
      (await plane.call('member-red', 'GET', `/v1/operations/${jobs.get(of.id)?.operationId}`)).body;

    const fallSilent = beating(worker, [kept]);
    // Two that their host does not list any more, and still tells of.
    const { operationId, instanceId } = jobs.get(busy.id)!;
    let doneBytes = 0;
    await until('the lost one is given up', async () => {
      const at = {
        operationId,
        instanceId,
        phase: 'uploading' as const,
        doneBytes: ++doneBytes,
        totalBytes: 1_000_000,
      };
      await worker.tell('operation.progress', busy.id, { ...at, pastNoReturn: false });
      const startedAt = new Date().toISOString();
      const step = { name: 'start instance', state: 'failed' as const, startedAt, finishedAt: startedAt, detail: 'no' };
      const { operationId: trials } = jobs.get(trying.id)!;
      await worker.tell('operation.step', trying.id, { operationId: trials, instanceId: trying.id, step });
      return (await operation(lost))['state'] === 'failed';
    });
    await fallSilent();
    expect(await operation(lost)).toMatchObject({ problem: { code: 'outcome_unknown', remedy: 'retry' } });
    for (const one of [busy, trying, kept]) expect(await operation(one)).toMatchObject({ state: 'running' });

    const job = jobs.get(lost.id)!;
    for (const event of worker.eventsOf(job).slice(1)) await worker.publish(event);
    await plane.operation('member-red', job.operationId, 'succeeded');
  });
});

/** Has it say again and again that it lives, and what it has, as a host does; gives how to end that. */
function beating(worker: FakeWorker, instances = worker.instances): () => Promise<void> {
  const silent = new AbortController();
  const beats = (async () => {
    while (!silent.signal.aborted) {
      await worker.heartbeat(instances);
      await sleep(200);
    }
  })();
  return () => {
    silent.abort();
    return beats;
  };
}

/** One that has ended meanwhile needs no signal. */
function signal(pid: number, name: 'SIGSTOP' | 'SIGCONT'): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
