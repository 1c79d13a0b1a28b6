import type { OperationView } from '@varve/contracts';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { VarveClient } from './index.js';
import { TestApi } from './testing/test-api.js';
import type { WatchOptions } from './watch.js';

let api: TestApi;
let client: VarveClient;
beforeEach(async () => {
  api = await TestApi.start();
  client = new VarveClient({ url: api.url, token: api.token, retries: 0 });
});
afterEach(() => api.close());

/** Every change is made when the one before has been seen, so that none can be missed for being late. */
async function seenOf(options: WatchOptions = {}): Promise<OperationView[]> {
  api.stepMs = null;
  const { operationId } = await client.createSnapshot(api.instances[0]?.id ?? '');
  const views: OperationView[] = [];
  for await (const view of client.watchOperation(operationId, { pollMs: 5, ...options })) {
    views.push(view);
    api.step();
  }
  return views;
}

const CHANGES = [
  'queued 0',
  'capturing 0',
  'uploading 0',
  'uploading 6291456',
  'uploading 12582912',
  'merging 0',
  'finishing 0',
];
const changesOf = (views: readonly OperationView[]) => views.map(({ phase, doneBytes }) => `${phase} ${doneBytes}`);

it('tells every change once, live, over one stream, and ends with the final state', async () => {
  const views = await seenOf({ pollMs: 60_000 });
  expect(changesOf(views)).toEqual(CHANGES);
  expect(views.at(-1)?.state).toBe('succeeded');
  expect(api.requests('GET', /events$/)).toHaveLength(1);
  expect(api.requests('GET', /operations\/[^/]+$/)).toHaveLength(1);
});

it('opens a stream that broke again, and misses nothing', async () => {
  api.eventsPerStream = 2;
  expect(changesOf(await seenOf())).toEqual(CHANGES);
  expect(api.requests('GET', /events$/).length).toBeGreaterThan(2);
});

it('asks now and then where there is no stream', async () => {
  api.withoutStream = true;
  expect(changesOf(await seenOf())).toEqual(CHANGES);
  expect(api.requests('GET', /events$/)).toHaveLength(1);
});

it('lives through an API that is away for a while', async () => {
  api.eventsPerStream = 1;
  api.stepMs = null;
  const { operationId } = await client.createSnapshot(api.instances[0]?.id ?? '');
  const views: OperationView[] = [];
  for await (const view of client.watchOperation(operationId, { pollMs: 5 })) {
    if (views.push(view) === 1) api.faults = [{ on: /operations/, times: 12, how: 'drop' }];
    api.step();
  }
  expect(api.faults[0]?.times).toBe(0);
  expect(views.at(-1)?.state).toBe('succeeded');
});

it('gives up when the API is away for too long', async () => {
  api.script = [];
  api.faults = [{ on: /operations/, times: Infinity, how: { status: 503 } }];
  await expect(seenOf({ patienceMs: 30 })).rejects.toMatchObject({ status: 503 });
});

it('takes a stream that says nothing for dead', async () => {
  api.script = [{ state: 'running', phase: 'uploading' }];
  const { operationId } = await client.createSnapshot(api.instances[0]?.id ?? '');
  const stop = new AbortController();
  const watching = (async () => {
    for await (const view of client.watchOperation(operationId, { pollMs: 5, silenceMs: 20, signal: stop.signal })) {
      if (view.phase === 'finishing') return 'never';
    }
    return 'over';
  })();
  while (api.requests('GET', /events$/).length < 3) await new Promise((resolve) => setTimeout(resolve, 10));
  stop.abort(new Error('seen enough'));
  await expect(watching).rejects.toThrow('seen enough');
});

it('refuses at once what does not exist or is not ours', async () => {
  const missing = client.watchOperation('00000000-0000-4000-8000-000000000000')[Symbol.asyncIterator]();
  await expect(missing.next()).rejects.toMatchObject({ status: 404 });
  const stranger = new VarveClient({ url: api.url, token: 'wrong' }).watchOperation('x')[Symbol.asyncIterator]();
  await expect(stranger.next()).rejects.toMatchObject({ status: 401 });
});
