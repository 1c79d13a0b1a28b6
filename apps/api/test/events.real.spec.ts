import { VarveClient } from '@varve/api-client';
import type { LiveEvent } from '@varve/api-client';
import type { EventsQuery } from '@varve/contracts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, freshVhost } from '../../../testbed/services/shared.ts';
import { ControlPlane, identity } from '../../conductor/test/kit/control-plane.js';
import { newInstance } from '../../conductor/test/kit/fake-worker.js';
import type { FakeWorker } from '../../conductor/test/kit/fake-worker.js';
import { until } from '../../conductor/test/kit/until.js';
import { createApi } from '../src/create-api.js';

let plane: ControlPlane;
let worker: FakeWorker;
const red = newInstance('red');
const other = newInstance('red');
const blue = newInstance('blue');
const watching: AbortController[] = [];

beforeAll(async () => {
  plane = await ControlPlane.start({ databaseUrl: await freshDatabase(), amqpUrl: await freshVhost(), apis: 2 });
  worker = await plane.host('compute-1', [red, other, blue]);
});
afterEach(() => {
  for (const stop of watching.splice(0)) stop.abort();
});
afterAll(() => plane?.stop());

class Watch {
  readonly events: LiveEvent[] = [];
  error: unknown = null;

  constructor(token: string, query: EventsQuery = {}, url = plane.apis[0]?.url ?? '') {
    const stop = new AbortController();
    watching.push(stop);
    const client = new VarveClient({ url, token, retries: 0 });
    void (async () => {
      try {
        for await (const event of client.events(query, { signal: stop.signal })) this.events.push(event);
      } catch (error) {
        this.error = error;
      }
    })();
  }

  count(type: LiveEvent['type']): number {
    return this.events.filter((event) => event.type === type).length;
  }

  async opened(times = 1): Promise<this> {
    await until(`the stream is open for the ${times}. time`, () => this.count('open') >= times);
    return this;
  }

  /** Of operations, in the order in which they were told. */
  statesOf(operationId: string): string[] {
    return this.events.flatMap((one) =>
      one.type === 'operation' && one.data.id === operationId ? one.data.state : [],
    );
  }

  hintsOf(instanceId: string): number {
    return this.events.filter((one) => one.type === 'instance' && one.data.id === instanceId).length;
  }
}

const snapshotOf = async (instanceId: string, token = 'member-red'): Promise<string> =>
  String((await plane.snapshot(token, worker, instanceId))['operationId']);

describe('live events', () => {
  it('tell everybody of what is theirs, whichever API it was asked of, and of nothing else', async () => {
    const [mine, theirs, all] = [new Watch('reader-red'), new Watch('reader-blue'), new Watch('admin-ops')];
    for (const watch of [mine, theirs, all]) await watch.opened();
    const asked = await plane.call('member-red', 'POST', `/v1/instances/${red.id}/snapshots`, {});
    const ofRed = String(asked.body['operationId']);
    await until('it was told of', () => [mine, all].every((watch) => watch.statesOf(ofRed).length > 0));
    await plane.perform(worker, ofRed);
    const ofBlue = await snapshotOf(blue.id, 'member-blue');
    for (const watch of [mine, all]) {
      await until('the end was told', () => watch.statesOf(ofRed).at(-1) === 'succeeded');
      await until('the instance changed', () => watch.hintsOf(red.id) > 0);
    }
    for (const watch of [theirs, all])
      await until('the end was told', () => watch.statesOf(ofBlue).at(-1) === 'succeeded');
    expect(mine.statesOf(ofRed)[0]).toBe('queued');
    expect([mine.statesOf(ofBlue), mine.hintsOf(blue.id)]).toEqual([[], 0]);
    expect([theirs.statesOf(ofRed), theirs.hintsOf(red.id)]).toEqual([[], 0]);
  });

  it('are of one instance, where that is asked for', async () => {
    const watch = await new Watch('reader-red', { instanceId: red.id }).opened();
    const elsewhere = await snapshotOf(other.id);
    const here = await snapshotOf(red.id);
    await until('the end was told', () => watch.statesOf(here).at(-1) === 'succeeded');
    expect(watch.statesOf(elsewhere)).toEqual([]);
    expect(watch.hintsOf(other.id)).toBe(0);
    const notTheirs = new Watch('reader-blue', { instanceId: red.id });
    await until('it was refused', () => notTheirs.error !== null);
    expect(notTheirs.error).toMatchObject({ status: 404, code: 'not_found' });
  });

  it('tell of a chain once for each time that it changes', async () => {
    const watch = await new Watch('reader-red', { instanceId: other.id }).opened();
    const chain = (allocatedBytes: number): string =>
      JSON.stringify({
        base: { name: 'base', sizeBytes: 1 },
        layers: [{ asOf: null, merged: 1, fileBytes: 9, allocatedBytes }],
        kept: null,
      });
    const say = (allocatedBytes: number): Promise<unknown> =>
      plane.rows(`update instances set chain = $2, chain_at = now() where id = $1`, [other.id, chain(allocatedBytes)]);
    for (const bytes of [5, 5, 7]) {
      const before = watch.hintsOf(other.id);
      await say(bytes);
      await plane.rows(`select pg_notify('varve_instance', $1)`, [other.id]);
      await until('it was looked at', () => watch.hintsOf(other.id) > before);
    }
    await until('both were told', () => watch.count('chain') === 2);
    const told = watch.events.flatMap((one) =>
      one.type === 'chain' ? (one.data.layers[0]?.allocatedBytes ?? []) : [],
    );
    expect(told).toEqual([5, 7]);
  });

  it('say so when something may have been missed', async () => {
    const watch = await new Watch('reader-red').opened();
    const ended = await plane.rows(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'varve-api listener'
         and datname = current_database()`,
    );
    expect(ended.length).toBeGreaterThanOrEqual(2);
    await watch.opened(2);
    expect(watch.count('away')).toBe(0);
    const operation = await snapshotOf(red.id);
    await until('the end was told', () => watch.statesOf(operation).at(-1) === 'succeeded');
  });

  it('go on by themselves after the API was away', async () => {
    const config = {
      databaseUrl: plane.settings.databaseUrl,
      identity: { kind: 'static' as const, tokensFile: '/nowhere' },
      hostDownAfterS: 900,
      frameAncestors: "'none'",
      logLevel: 'silent',
    };
    const api = await createApi({ ...config, http: { host: '127.0.0.1', port: 0 } }, { identity });
    const watch = await new Watch('reader-red', {}, api.url).opened();
    await api.close();
    await until('the loss was told', () => watch.count('away') === 1);
    const port = Number(new URL(api.url).port);
    const again = await createApi({ ...config, http: { host: '127.0.0.1', port } }, { identity });
    try {
      await watch.opened(2);
      expect(watch.count('away')).toBe(1);
      const operation = await snapshotOf(red.id);
      await until('the end was told', () => watch.statesOf(operation).at(-1) === 'succeeded');
    } finally {
      await again.close();
    }
  });

  it('are for those who may see something alone, and end when the token does', async () => {
    const nobody = new Watch('nobody');
    await until('it was refused', () => nobody.error !== null);
    expect(nobody.error).toMatchObject({ status: 401 });
    const url = plane.apis[0]?.url ?? '';
    const login = await new VarveClient({ url, token: '' }).login({
      method: 'password',
      user: 'rosa',
      password: 'right',
    });
    const watch = await new Watch(login.token).opened();
    await new VarveClient({ url, token: login.token }).logout();
    // Within a heartbeat.
    await until('it was refused', () => watch.error !== null, 40_000);
    expect(watch.error).toMatchObject({ status: 401 });
  });
});
