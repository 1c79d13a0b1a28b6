import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ApiError, toArray, VarveClient } from './index.js';
import { availableOf, instanceOf } from './testing/samples.js';
import { TestApi } from './testing/test-api.js';

let api: TestApi;
let client: VarveClient;
beforeEach(async () => {
  api = await TestApi.start();
  client = new VarveClient({ url: `${api.url}/`, token: api.token });
});
afterEach(() => api.close());

const idOf = (name: string): string => api.instances.find((one) => one.name === name)?.id ?? '';
const failure = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => null,
    (error: unknown) => error,
  );

describe('answers', () => {
  it('come as the contracts have them, without fields this client does not know', async () => {
    const added = { ...instanceOf('new'), colour: 'blue' };
    api.instances.push(added);
    const read = await client.instance(added.id);
    expect(read).toMatchObject({ id: added.id, name: 'new' });
    expect(read).not.toHaveProperty('colour');
  });

  it('are asked for with the token, page after page, only as far as they are read', async () => {
    api.instances.push(...Array.from({ length: 10 }, (_, i) => instanceOf(`more-${i}`)));
    expect((await toArray(client.instances({ limit: 5 }))).map(({ name }) => name)).toEqual(
      api.instances.map(({ name }) => name),
    );
    expect(api.requests('GET', /^\/v1\/instances/)).toHaveLength(3);
    expect(api.seen[0]?.headers['x-auth-token']).toBe(api.token);

    for await (const first of client.instances({ limit: 5 })) {
      expect(first.name).toBe('web-1');
      break;
    }
    expect(api.requests('GET', /^\/v1\/instances/)).toHaveLength(4);
  });

  it('can be narrowed by time', async () => {
    const [old, young] = ['2026-01-01T00:00:00Z', '2026-03-01T00:00:00Z'].map((at) => availableOf(idOf('web-1'), at));
    if (!old || !young) throw new Error('no samples');
    api.snapshots.push(young, old);
    const points = client.restorePoints(idOf('web-1'), { to: '2026-02-01T01:00:00+01:00' });
    expect((await toArray(points)).map(({ uid }) => uid)).toEqual([old.uid]);
  });

  it('of another service are an error and not data', async () => {
    api.faults = [{ on: /hosts/, times: 1, how: { status: 200, body: '<html>' } }];
    expect(await failure(toArray(client.hosts()))).toMatchObject({ code: 'answer_not_understood', status: 200 });
    api.faults = [{ on: /hosts/, times: 1, how: { status: 200, body: '{"items":[{}]}' } }];
    expect(await failure(toArray(client.hosts()))).toMatchObject({ code: 'answer_not_understood' });
  });
});

describe('errors', () => {
  it('carry what the API said', async () => {
    api.stepMs = null;
    const first = await client.createSnapshot(idOf('web-1'));
    const second = await failure(client.createSnapshot(idOf('web-1')));
    expect(second).toBeInstanceOf(ApiError);
    expect(second).toMatchObject({
      name: 'ApiError',
      status: 409,
      code: 'operation_running',
      remedy: 'fix-request',
      requestId: 'req-1',
      facts: { operationId: first.operationId },
    });
    expect(api.requests('POST', /snapshots/)).toHaveLength(2);
  });

  it.each([
    [502, 2],
    [503, 1],
    [429, 1],
  ])('of status %i pass by themselves', async (status, times) => {
    api.faults = [{ on: /hosts/, times, how: { status, headers: { 'retry-after': '0' } } }];
    expect(await toArray(client.hosts())).toHaveLength(1);
    expect(api.seen).toHaveLength(times + 1);
  });

  it.each([400, 401, 404, 500])('of status %i are told at once', async (status) => {
    api.faults = [{ on: /hosts/, times: 1, how: { status } }];
    expect(await failure(toArray(client.hosts()))).toMatchObject({ status });
    expect(api.seen).toHaveLength(1);
  });

  it('say that nothing answers, and where', async () => {
    const { url } = api;
    await api.close();
    const lonely = new VarveClient({ url, token: 'x', retries: 1 });
    const error = await failure(lonely.instance(idOf('web-1')));
    expect(error).toMatchObject({ code: 'api_unreachable', status: 0, remedy: 'retry' });
    expect((error as ApiError).message).toMatch(/^The API at http:\/\/127.* does not answer: ECONNREFUSED$/);
    api = await TestApi.start();
  });

  it('end a request that takes too long', async () => {
    const hasty = new VarveClient({
      url: api.url,
      token: 'x',
      retries: 0,
      timeoutMs: 30,
      fetch: (_, init) =>
        new Promise((_resolve, reject) =>
          init?.signal?.addEventListener('abort', () => reject(init.signal?.reason as Error)),
        ),
    });
    expect(await failure(hasty.instance('x'))).toMatchObject({
      status: 0,
      message: expect.stringContaining('no answer in time') as string,
    });
  });

  it('do not hand the token on to where a redirect leads', async () => {
    api.faults = [{ on: /hosts/, times: 9, how: { status: 302, headers: { location: `${api.url}/v1/instances` } } }];
    const strict = new VarveClient({ url: api.url, token: api.token, retries: 0 });
    expect(await failure(toArray(strict.hosts()))).toMatchObject({ status: 0 });
    expect(api.requests('GET', /instances/)).toHaveLength(0);
  });

  it('end a call that is given up, without a retry', async () => {
    const stop = new AbortController();
    const call = failure(client.instance('x', { signal: stop.signal }));
    stop.abort(new Error('enough'));
    expect(await call).toMatchObject({ message: 'enough' });
  });
});

describe('a POST whose answer is lost', () => {
  it('is made again under the same key, and done once', async () => {
    api.faults = [{ on: /POST/, times: 2, how: 'late' }];
    const snapshot = await client.createSnapshot(idOf('web-1'), { name: 'before the upgrade' });
    expect(api.snapshots.map(({ uid }) => uid)).toEqual([snapshot.uid]);
    const keys = api.requests('POST', /snapshots/).map(({ headers }) => headers['idempotency-key']);
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toMatch(/^[0-9a-f]{32}$/);
  });

  it('has another key than the next POST', async () => {
    await client.createSnapshot(idOf('web-1'));
    await client.createSnapshot(idOf('db-1'));
    const keys = api.requests('POST', /snapshots/).map(({ headers }) => headers['idempotency-key']);
    expect(new Set(keys).size).toBe(2);
  });
});
