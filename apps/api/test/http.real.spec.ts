import { ProblemDetails } from '@varve/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, freshVhost } from '../../../testbed/services/shared.ts';
import { VarveClient } from '@varve/api-client';
import { ControlPlane, identity } from '../../conductor/test/kit/control-plane.js';
import { createApi } from '../src/create-api.js';
import { newInstance } from '../../conductor/test/kit/fake-worker.js';
import type { FakeWorker } from '../../conductor/test/kit/fake-worker.js';
import { until } from '../../conductor/test/kit/until.js';

let plane: ControlPlane;
let worker: FakeWorker;
const red = newInstance('red');
const blue = newInstance('blue');

beforeAll(async () => {
  plane = await ControlPlane.start({ databaseUrl: await freshDatabase(), amqpUrl: await freshVhost(), apis: 2 });
  worker = await plane.host('compute-1', [red, blue]);
});
afterAll(() => plane?.stop());

async function idle(instanceId: string): Promise<void> {
  const { body } = await plane.call('admin-ops', 'GET', `/v1/instances/${instanceId}`);
  if (body['operationId'] === null) return;
  await plane.perform(worker, body['operationId']);
  await plane.operation('admin-ops', body['operationId'], 'succeeded');
}

describe('who may do what', () => {
  const paths = async (): Promise<['GET' | 'POST' | 'DELETE', string, unknown?][]> => {
    const point = await plane.snapshot('member-blue', worker, blue.id);
    const rollback = await plane.call('member-blue', 'POST', `/v1/instances/${blue.id}/rollbacks`, {
      snapshotUid: point['uid'],
    });
    await plane.perform(worker, rollback.body['id']);
    await plane.operation('member-blue', rollback.body['id'], 'succeeded');
    const id = String(rollback.body['id']);
    const uid = String(point['uid']);
    return [
      ['GET', `/v1/instances/${blue.id}`],
      ['GET', `/v1/instances/${blue.id}/snapshots`],
      ['POST', `/v1/instances/${blue.id}/snapshots`, {}],
      ['GET', `/v1/instances/${blue.id}/restore-points`],
      ['GET', `/v1/instances/${blue.id}/rollbacks`],
      ['POST', `/v1/instances/${blue.id}/rollbacks`, { snapshotUid: uid }],
      ['GET', `/v1/snapshots/${uid}`],
      ['DELETE', `/v1/snapshots/${uid}`],
      ['GET', `/v1/rollbacks/${id}`],
      ['POST', `/v1/rollbacks/${id}/undo`],
      ['GET', `/v1/operations/${id}`],
      ['GET', `/v1/operations/${id}/events`],
      ['POST', `/v1/operations/${id}/cancel`],
    ];
  };

  it("finds nothing of another tenant's, changes nothing of it, and leaves a trace of having tried", async () => {
    const all = await paths();
    for (const [method, path, body] of all) {
      const theirs = await plane.call('member-red', method, path, body);
      expect([method, path, theirs.status, theirs.body['code']]).toEqual([method, path, 404, 'not_found']);
    }
    const tries = await plane.rows(
      `select action from audit_log where outcome = 'denied' and user_id = 'user-member-red'`,
    );
    expect(tries).toHaveLength(all.length);

    const lists = ['/v1/instances', '/v1/operations', `/v1/operations?instanceId=${blue.id}`];
    for (const path of lists) {
      const { body } = await plane.call('member-red', 'GET', path);
      expect(body.items.filter((item) => item['projectId'] !== 'red')).toEqual([]);
    }
    for (const [method, path] of all.filter(([method, path]) => method === 'GET' && !path.endsWith('/events'))) {
      expect((await plane.call('reader-blue', method, path)).status).toBe(200);
      expect((await plane.call('admin-ops', method, path)).status).toBe(200);
    }
  });

  it('lets readers read, members write, and administrators see hosts', async () => {
    const write = await plane.call('reader-red', 'POST', `/v1/instances/${red.id}/snapshots`, {});
    expect(write).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    for (const token of ['reader-red', 'member-red']) {
      expect(await plane.call(token, 'GET', '/v1/hosts')).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    }
    const hosts = await plane.call('admin-ops', 'GET', '/v1/hosts');
    expect(hosts.body.items).toMatchObject([{ name: 'compute-1', up: true, instances: 2 }]);
    const all = await plane.call('admin-ops', 'GET', '/v1/instances');
    expect(new Set(all.body.items.map((item) => item['projectId']))).toEqual(new Set(['red', 'blue']));
  });

  it('answers 401 to whatever is no token, which the audit log counts on one line', async () => {
    const url = `${plane.apis[0]?.url}/v1/instances`;
    const tries = [{}, { 'x-auth-token': 'wrong' }, { authorization: 'Basic abc' }];
    const requestIds: string[] = [];
    for (const headers of tries) {
      const response = await fetch(url, { headers: headers as Record<string, string> });
      expect(response.status).toBe(401);
      expect(response.headers.get('www-authenticate')).toBe('Bearer');
      const { code, requestId } = ProblemDetails.parse(await response.json());
      expect(code).toBe('unauthorized');
      requestIds.push(requestId);
    }
    for (let n = 0; n < 20; n++) await (await fetch(url)).text();
    const lines = () =>
      plane.rows(`select user_id, action, outcome, code, client, times from audit_log where request_id = any($1)`, [
        requestIds,
      ]);
    const line = {
      user_id: '-',
      action: 'instances:list',
      outcome: 'denied',
      code: 'unauthorized',
      client: '127.0.0.1',
    };
    await until('all are counted', async () => (await lines())[0]?.['times'] === 23);
    expect(await lines()).toEqual([{ ...line, times: 23 }]);
  });

  it('takes the token as a bearer too', async () => {
    const response = await fetch(`${plane.apis[0]?.url}/v1/instances`, {
      headers: { authorization: 'Bearer reader-red' },
    });
    expect(response.status).toBe(200);
  });
});

describe('every answer', () => {
  const MINE = 'req-00000000-0000-4000-8000-000000000001';

  it.each([
    ['GET', '/v1/instances/not-a-uuid', undefined, 400, 'invalid_request'],
    ['GET', `/v1/instances/${red.id.toUpperCase()}`, undefined, 400, 'invalid_request'],
    ['GET', '/v1/instances?limit=0', undefined, 400, 'invalid_request'],
    ['GET', '/v1/instances?limt=1', undefined, 400, 'invalid_request'],
    ['GET', '/v1/instances?marker=nonsense', undefined, 400, 'invalid_request'],
    ['GET', '/v1/operations?marker=nonsense', undefined, 400, 'invalid_request'],
    ['GET', '/v1/operations?state=odd', undefined, 400, 'invalid_request'],
    ['GET', '/v1/instances?search=a%00b', undefined, 400, 'invalid_request'],
    ['POST', `/v1/instances/${red.id}/snapshots`, { nmae: 'x' }, 400, 'invalid_request'],
    ['POST', `/v1/instances/${red.id}/snapshots`, { name: 'a\nb' }, 400, 'invalid_request'],
    ['POST', `/v1/instances/${red.id}/snapshots`, '{"name":', 400, 'invalid_request'],
    ['POST', `/v1/instances/${red.id}/rollbacks`, {}, 400, 'invalid_request'],
    ['POST', `/v1/instances/${red.id}/snapshots`, { name: 'x'.repeat(70_000) }, 413, 'payload_too_large'],
    ['GET', '/v1/nothing', undefined, 404, 'not_found'],
    ['GET', `/v1/instances/${crypto.randomUUID()}`, undefined, 404, 'not_found'],
  ] as const)('that refuses (%#) says what is wrong, in one form', async (method, path, body, status, code) => {
    const answer = await plane.call('member-red', method, path, body, { 'x-openstack-request-id': MINE });
    expect([answer.status, answer.body['code']]).toEqual([status, code]);
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(ProblemDetails.parse(answer.body)).toMatchObject({ status, requestId: MINE });
    expect(answer.headers.get('x-openstack-request-id')).toBe(MINE);
  });

  it('says its request id, which the operation and the audit log keep; a made-up one is not taken over', async () => {
    await idle(red.id);
    const asked = await plane.call(
      'member-red',
      'POST',
      `/v1/instances/${red.id}/snapshots`,
      {},
      { 'x-openstack-request-id': '1; drop' },
    );
    const requestId = asked.headers.get('x-openstack-request-id');
    expect(requestId).toMatch(/^req-[0-9a-f-]{36}$/);
    const operation = await plane.call('member-red', 'GET', `/v1/operations/${String(asked.body['operationId'])}`);
    expect(operation.body['requestId']).toBe(requestId);
    expect(
      await plane.rows('select user_id, project_id, action, target, outcome from audit_log where request_id = $1', [
        requestId,
      ]),
    ).toEqual([
      {
        user_id: 'user-member-red',
        project_id: 'red',
        action: 'snapshots:create',
        target: red.id,
        outcome: 'accepted',
      },
    ]);
    await idle(red.id);
  });
});

describe('an Idempotency-Key', () => {
  it('makes twenty requests at once one snapshot, and gives the same answer to all, later too', async () => {
    await idle(red.id);
    const key = { 'idempotency-key': crypto.randomUUID() };
    const ask = (body: object) => plane.call('member-red', 'POST', `/v1/instances/${red.id}/snapshots`, body, key);

    const answers = await Promise.all(Array.from({ length: 20 }, () => ask({ name: 'once', quiesce: 'none' })));

    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
    await idle(red.id);
    expect((await ask({ quiesce: 'none', name: 'once' })).body).toEqual(answers[0]?.body);
    expect(await ask({ name: 'another' })).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } });
    const made = await plane.rows(`select uid from restore_points where name = 'once'`);
    expect(made).toHaveLength(1);
  });

  it('does not keep a refusal: what was refused once may be asked for again', async () => {
    await idle(red.id);
    const key = { 'idempotency-key': crypto.randomUUID() };
    const first = await plane.call('member-red', 'POST', `/v1/instances/${red.id}/snapshots`, {});
    const refused = await plane.call('member-red', 'POST', `/v1/instances/${red.id}/snapshots`, {}, key);
    expect(refused).toMatchObject({ status: 409, body: { facts: { operationId: first.body['operationId'] } } });
    await idle(red.id);
    expect((await plane.call('member-red', 'POST', `/v1/instances/${red.id}/snapshots`, {}, key)).status).toBe(202);
    await idle(red.id);
  });

  it("is the tenant's own", async () => {
    await idle(red.id);
    await idle(blue.id);
    const key = { 'idempotency-key': 'the-same' };
    const mine = await plane.call('member-red', 'POST', `/v1/instances/${red.id}/snapshots`, {}, key);
    const theirs = await plane.call('member-blue', 'POST', `/v1/instances/${blue.id}/snapshots`, {}, key);
    expect([mine.status, theirs.status]).toEqual([202, 202]);
    expect(mine.body['uid']).not.toBe(theirs.body['uid']);
    await idle(red.id);
    await idle(blue.id);
  });
});

describe('live events', () => {
  /** Reads a stream as it comes. */
  function follow({ body }: Response): { ended: Promise<void>; views: () => Record<string, unknown>[] } {
    let text = '';
    const read = async (): Promise<void> => {
      for await (const piece of body?.pipeThrough(new TextDecoderStream()) ?? []) text += piece;
    };
    const views = () =>
      [...text.matchAll(/^data: (.*)\n/gm)].map(([, json]) => JSON.parse(json ?? '') as Record<string, unknown>);
    return { ended: read(), views };
  }

  it('tell the state now, every change, and end with the final one', async () => {
    await idle(red.id);
    const asked = await plane.call('member-red', 'POST', `/v1/instances/${red.id}/snapshots`, {});
    const operationId = String(asked.body['operationId']);
    // One watcher on each API: who changes the row is a conductor, and tells both.
    const streams = await Promise.all(
      plane.apis.map(({ url }) =>
        fetch(`${url}/v1/operations/${operationId}/events`, { headers: { 'x-auth-token': 'reader-red' } }),
      ),
    );
    expect(streams[0]?.headers.get('content-type')).toBe('text/event-stream');
    expect(streams[0]?.headers.get('x-openstack-request-id')).toMatch(/^req-/);
    const watchers = streams.map(follow);
    // Changes that come together are told as one: each is waited for before the next is made.
    const told = (what: string, is: (view: Record<string, unknown>) => boolean): Promise<unknown> =>
      until(`both were told that it is ${what}`, () => watchers.every(({ views }) => views().some(is)));
    await told('queued', (view) => view['state'] === 'queued');

    const job = await until('the job arrives', () => worker.jobFor(operationId));
    for (const event of worker.eventsOf(job)) {
      await worker.publish(event);
      if (event.type === 'operation.accepted') await told('running', (view) => view['state'] === 'running');
      if (event.type === 'operation.progress') {
        const { doneBytes } = event.data;
        await told(`at ${doneBytes}`, (view) => view['doneBytes'] === doneBytes);
      }
    }
    await Promise.all(watchers.map(({ ended }) => ended));

    for (const watched of watchers.map(({ views }) => views())) {
      expect(watched.map((view) => view['state'])).toEqual(expect.arrayContaining(['queued', 'running', 'succeeded']));
      expect(watched.at(-1)).toMatchObject({
        state: 'succeeded',
        doneBytes: 1000,
        totalBytes: 1000,
        phase: 'finishing',
      });
      expect(watched.map((view) => view['doneBytes'])).toEqual(expect.arrayContaining([0, 500, 1000]));
      expect(watched.filter((view) => view['finishedAt'] !== null)).toHaveLength(1);
    }
  });

  it('of what is over are its end alone', async () => {
    const point = await plane.snapshot('member-red', worker, red.id);
    const response = await fetch(`${plane.apis[0]?.url}/v1/operations/${String(point['operationId'])}/events`, {
      headers: { 'x-auth-token': 'reader-red' },
    });
    const { ended, views } = follow(response);
    await ended;
    expect(views()).toMatchObject([{ state: 'succeeded' }]);
  });
});

describe('the client that we ship', () => {
  it('follows a snapshot to its end, lists it, and is told in words what is wrong', async () => {
    await idle(red.id);
    const client = new VarveClient({ url: plane.apis[0]?.url ?? '', token: 'member-red' });
    const asked = await client.createSnapshot(red.id, { name: 'by the client' });
    const states: string[] = [];
    const watched = (async () => {
      for await (const { state } of client.watchOperation(asked.operationId)) states.push(state);
    })();
    await until('it is watched', () => states.length > 0);
    await plane.perform(worker, asked.operationId);
    await watched;
    expect([states[0], states.at(-1)]).toEqual(['queued', 'succeeded']);

    const names: (string | null)[] = [];
    for await (const { name } of client.restorePoints(red.id, { limit: 1 })) names.push(name);
    expect(names[0]).toBe('by the client');
    await expect(client.rollback(crypto.randomUUID())).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('an API that is stopped', () => {
  it('does not wait for those who watch operations', async () => {
    await idle(red.id);
    const asked = await plane.call('member-red', 'POST', `/v1/instances/${red.id}/snapshots`, {});
    const api = await createApi(
      {
        databaseUrl: plane.settings.databaseUrl,
        http: { host: '127.0.0.1', port: 0 },
        identity: { kind: 'static', tokensFile: '/nowhere' },
        hostDownAfterS: 900,
        frameAncestors: "'none'",
        logLevel: 'silent',
      },
      { identity },
    );
    const watching = await fetch(`${api.url}/v1/operations/${String(asked.body['operationId'])}/events`, {
      headers: { 'x-auth-token': 'member-red' },
    });
    expect(watching.status).toBe(200);
    const ended = watching.text().then(
      () => 'closed',
      () => 'broken off',
    );
    const began = Date.now();
    await api.close();
    expect(Date.now() - began).toBeLessThan(30_000);
    expect(await ended).toMatch(/closed|broken off/);
    await idle(red.id);
  });
});

describe('pages', () => {
  it('hold every item once, however small they are and whatever is added meanwhile', async () => {
    const one = newInstance('red');
    worker.instances.push(one);
    await worker.heartbeat();
    await until(
      'it is known',
      async () => (await plane.call('reader-red', 'GET', `/v1/instances/${one.id}`)).status === 200,
    );
    const uids: unknown[] = [];
    for (let i = 0; i < 5; i++) uids.unshift((await plane.snapshot('member-red', worker, one.id))['uid']);

    for (const list of ['snapshots', 'restore-points']) {
      const seen: unknown[] = [];
      let marker: unknown = '';
      do {
        const query: string = marker === '' ? '?limit=2' : `?limit=2&marker=${String(marker)}`;
        const { body } = await plane.call('reader-red', 'GET', `/v1/instances/${one.id}/${list}${query}`);
        seen.push(...body.items.map((item) => item['uid']));
        // One more arrives while the pages are being turned; it belongs before the first.
        if (list === 'snapshots' && marker === '') await plane.snapshot('member-red', worker, one.id);
        marker = body['nextMarker'];
      } while (marker !== null);
      expect(seen.slice(list === 'snapshots' ? 0 : 1)).toEqual(uids);
    }
    const { body } = await plane.call('reader-red', 'GET', `/v1/instances/${one.id}/restore-points`);
    const [newest, second] = body.items;
    const range = await plane.call(
      'reader-red',
      'GET',
      `/v1/instances/${one.id}/restore-points?to=${String(second?.['sealedAt'])}`,
    );
    expect(range.body.items).toHaveLength(5);
    const since = await plane.call(
      'reader-red',
      'GET',
      `/v1/instances/${one.id}/restore-points?from=${String(newest?.['sealedAt'])}`,
    );
    expect(since.body.items).toHaveLength(1);

    const ids: unknown[] = [];
    for (let query = '?limit=1'; query !== '';) {
      const page = await plane.call('admin-ops', 'GET', `/v1/instances${query}`);
      ids.push(...page.body.items.map((item) => item['id']));
      const { nextMarker } = page.body;
      query = typeof nextMarker === 'string' ? `?limit=1&marker=${nextMarker}` : '';
    }
    expect(ids).toEqual([red.id, blue.id, one.id].sort());
  });
});

describe('the API for those who run it', () => {
  it('describes every route with the schemas that it parses and answers with', async () => {
    const response = await fetch(`${plane.apis[0]?.url}/openapi.json`);
    const document = (await response.json()) as {
      paths: Record<string, Record<string, { responses: Record<string, unknown>; parameters?: { name: string }[] }>>;
      components: { schemas: Record<string, { properties?: object }> };
    };
    expect(Object.keys(document.paths).sort()).toMatchInlineSnapshot(`
      [
        "/v1/about",
        "/v1/audit",
        "/v1/events",
        "/v1/hosts",
        "/v1/instances",
        "/v1/instances/{instanceId}",
        "/v1/instances/{instanceId}/chain",
        "/v1/instances/{instanceId}/repair",
        "/v1/instances/{instanceId}/restore-points",
        "/v1/instances/{instanceId}/rollback-plan",
        "/v1/instances/{instanceId}/rollbacks",
        "/v1/instances/{instanceId}/settle",
        "/v1/instances/{instanceId}/snapshot-estimate",
        "/v1/instances/{instanceId}/snapshots",
        "/v1/instances/{instanceId}/timeline",
        "/v1/operations",
        "/v1/operations/{operationId}",
        "/v1/operations/{operationId}/cancel",
        "/v1/operations/{operationId}/events",
        "/v1/operations/{operationId}/steps",
        "/v1/overview",
        "/v1/overview/storage",
        "/v1/rollbacks/{operationId}",
        "/v1/rollbacks/{operationId}/keep",
        "/v1/rollbacks/{operationId}/undo",
        "/v1/session",
        "/v1/snapshots/{snapshotUid}",
        "/v1/snapshots/{snapshotUid}/exports",
      ]
    `);
    const routes = Object.values(document.paths).flatMap((methods) => Object.values(methods));
    for (const route of routes) {
      const [ok] = Object.entries(route.responses).filter(([status]) => status.startsWith('2'));
      if (ok?.[0] === '204') continue;
      expect(JSON.stringify(ok)).toMatch(/#\/components\/schemas\/\w+/);
    }
    for (const name of ['Instance', 'Snapshot', 'Operation', 'Rollback', 'Host', 'Problem', 'CreateSnapshot']) {
      expect([name, Object.keys(document.components.schemas[name]?.properties ?? {})]).not.toEqual([name, []]);
    }
    const references = JSON.stringify(document).matchAll(/#\/components\/schemas\/(\w+)/g);
    for (const [, name = ''] of references) expect(document.components.schemas).toHaveProperty(name);
    const list = document.paths['/v1/instances/{instanceId}/restore-points']?.['get'];
    expect(list?.parameters?.map(({ name }) => name).sort()).toEqual(['from', 'instanceId', 'limit', 'marker', 'to']);

    const docs = await fetch(`${plane.apis[0]?.url}/docs/api`);
    expect([docs.status, docs.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/html')]);
  });

  it('is alive, ready and measured', async () => {
    for (const path of ['/healthz', '/readyz']) expect((await fetch(`${plane.apis[0]?.url}${path}`)).status).toBe(200);
    const metrics = await (await fetch(`${plane.apis[0]?.url}/metrics`)).text();
    expect(metrics).toContain(
      'varve_api_request_seconds_count{method="POST",route="/v1/instances/:instanceId/snapshots",status="202"}',
    );
    for (const path of ['/healthz', '/readyz', '/metrics']) {
      expect((await fetch(`${plane.conductors[0]?.url}${path}`)).status).toBe(200);
    }
  });
});
