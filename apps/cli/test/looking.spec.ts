import { PassThrough } from 'node:stream';
import type { ChainView, SnapshotView } from '@varve/contracts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { availableOf, operationOf, planOf } from '../../../libs/api-client/src/testing/samples.js';
import { TestApi } from '../../../libs/api-client/src/testing/test-api.js';
import { InterruptedError } from '../src/exit-codes.js';
import { powerOver, warningFor } from '../src/output/plan.js';
import { Top } from '../src/output/top.js';
import { plain } from '../src/output/colours.js';
import { cut } from '../src/output/screen.js';
import { run } from '../src/program.js';
import { runCli } from './run-cli.js';

let api: TestApi;
let point: SnapshotView;
beforeEach(async () => {
  api = await TestApi.start();
  point = availableOf(api.instances[0]?.id ?? '', '2026-01-01T00:00:00.000Z', { name: 'before' });
  api.snapshots.push(point);
});
afterEach(() => api.close());

const PROBLEM = { code: 'store_unavailable', remedy: 'retry', message: 'The store is away', facts: {} } as const;

const varve = (...args: string[]) => runCli(args, { VARVE_URL: api.url, VARVE_TOKEN: api.token });

it('shows everything at a glance, and what is stored over time', async () => {
  const { code, out } = await varve('overview');
  expect(code).toBe(0);
  expect(out).toMatch(/Unprotected: +2\n/);
  expect(out).toMatch(/Stored: +12\.0 MiB for 30\.0 GiB of full copies\n/);
  expect((await varve('overview', 'storage')).out).toMatch(/12\.0 MiB +30\.0 GiB +3\n/);
  expect((await varve('overview', '--csv')).out).toMatch(/^instances\.total,instances\.protected,/);
  expect(JSON.parse((await varve('overview', 'storage', '--json')).out)).toHaveLength(1);
});

it("shows an instance's layers, the steps of an operation, the audit log, and whose token it is", async () => {
  expect((await varve('instance', 'chain', 'web-1')).out).toContain('not told of its layers yet');
  const layer = { layerUid: null, stored: false, snapshotUid: null, snapshotName: null, fileBytes: 1024 };
  api.chain = {
    base: { name: 'debian.qcow2', sizeBytes: 1024 ** 3 },
    layers: [{ ...layer, role: 'active', allocatedBytes: 4096 }],
    observedAt: '2026-01-01T00:00:00.000Z',
  } satisfies Omit<ChainView, 'instanceId'>;
  const chain = await varve('instance', 'chain', 'web-1');
  expect(chain.out).toMatch(/Base image: debian\.qcow2, 1\.0 GiB\n[\s\S]*\nactive +- +- +- +4\.0 KiB +1\.0 KiB\n/);

  const at = '2026-01-01T00:00:00.000Z';
  api.steps.push({ name: 'upload layer', state: 'failed', startedAt: at, finishedAt: at, detail: 'The store is away' });
  expect((await varve('operation', 'steps', point.operationId)).out).toMatch(
    /upload layer +failed .* The store is away\n/,
  );

  const line = { userId: 'eve', projectId: 'x', action: 'rollbacks:create', target: 't', requestId: 'r' };
  api.audit.push({ ...line, id: '1', at, outcome: 'denied', code: 'forbidden', client: null, times: 3 });
  const audit = await varve('audit', 'list', '--outcome', 'denied', '--user', 'eve');
  expect(audit.out).toMatch(/eve +x +rollbacks:create +t +denied +forbidden +- +3 +r\n/);
  expect(api.requests('GET', /audit/)[0]?.path).toBe('/v1/audit?outcome=denied&userId=eve&limit=101');

  expect((await varve('whoami')).out).toMatch(/User: +ann\n[\s\S]*May: +snapshots:create\nAPI: +0\.1\.0\n/);
});

it('shows the restore points in time, and where the disk is', async () => {
  api.snapshots.unshift(availableOf(point.instanceId, '2026-01-02T00:00:00.000Z', { name: 'after' }));
  const { code, out } = await varve('restore-point', 'timeline', 'web-1', '--from', '2026-01-01');
  expect(code).toBe(0);
  expect(out).toMatch(
    /\n\S+ \S+ +1 .*available, before\n\S+ \S+ +1 .*available, after +<- the disk goes on from here\n$/,
  );
  expect(api.requests('GET', /timeline/)[0]?.path).toMatch(/\?from=2026-01-01T\S+&points=2000$/);
});

it('says what a snapshot and a rollback would be like, and does neither', async () => {
  expect((await varve('snapshot', 'estimate', 'web-1')).out).toMatch(
    /Guest waits: +1\.8 ms \(median of the last 12 of this instance\)\nUntil it is stored: +not known yet\n/,
  );
  for (const where of [
    ['--to', point.uid],
    ['--at', '2026-01-02'],
  ]) {
    const { code, out } = await varve('rollback', 'plan', 'web-1', ...where);
    expect(code).toBe(0);
    expect(out).toMatch(/To fetch, at most: +11\.0 MiB\nDown for: +300 ms \(median of the last 3 on this host\)/);
  }
  expect(await varve('rollback', 'plan', 'web-1')).toMatchObject({ code: 2 });
  expect(await varve('rollback', 'plan', 'web-1', '--to', point.uid, '--at', '1h')).toMatchObject({ code: 2 });
  expect(api.requests('POST', /./)).toEqual([]);
});

it('does not say that it starts an instance that is stopped', async () => {
  const [web] = api.instances;
  if (!web) throw new Error('no sample');
  const before = warningFor(web, planOf(web.id, point));
  expect(before).toMatch(/Down for: +300 ms [^\n]*\n[\s\S]*It is stopped for that and started again\./);
  Object.assign(web, { state: 'stopped' });
  const warning = warningFor(web, planOf(web.id, point));
  expect(warning).toMatch(/Down for: +It does not run now, and will not be started\n[\s\S]*will not be started\. What/);
  expect(warning).not.toContain('started again');
  expect(powerOver(web)).toBe('It does not run now, and will not be started.');
  expect((await varve('rollback', 'plan', 'web-1', '--to', point.uid)).out).not.toContain('300 ms');
  expect((await varve('rollback', 'web-1', '--to', point.uid)).err).toContain('This exchanges the disk of web-1; give');
});

it('does not let anybody confirm a rollback that would be refused', async () => {
  api.refusal = { code: 'instance_busy', remedy: 'retry', message: 'Nova is busy with it', facts: {} };
  const { code, err } = await varve('rollback', 'web-1', '--to', point.uid);
  expect(code).toBe(4);
  expect(err).toContain('Nova is busy with it');
  expect(api.requests('POST', /./)).toEqual([]);
});

describe('events', () => {
  const CONNECTED = 'Connected. What happened before is not told.\n';

  /** Listens until it is told to stop, which is Ctrl-C. */
  function listen(...args: string[]) {
    const [out, err] = [new PassThrough(), new PassThrough()];
    const told = { out: '', err: '' };
    out.on('data', (bytes: Buffer) => (told.out += bytes.toString()));
    err.on('data', (bytes: Buffer) => (told.err += bytes.toString()));
    const stop = new AbortController();
    const env = { VARVE_URL: api.url, VARVE_TOKEN: api.token };
    const terminal = { out, err, in: new PassThrough() };
    const ended = run(['events', ...args], { terminal, env, signal: stop.signal });
    return {
      told,
      until: (isSo: () => boolean) => vi.waitUntil(isSo, { timeout: 60_000, interval: 5 }),
      stop: () => {
        stop.abort(new InterruptedError('Interrupted'));
        return ended;
      },
    };
  }

  it('are told a line each, again after the connection was lost, until Ctrl-C', async () => {
    const progress = { phase: 'uploading', doneBytes: 1, totalBytes: 2 } as const;
    const one = operationOf(point.instanceId, { instanceName: 'web\u001B[2J', state: 'running', ...progress });
    const { told, until, stop } = listen();
    await until(() => told.err === CONNECTED);
    api.tell(one.instanceId, 'operation', one);
    api.tell(one.instanceId, 'instance', { id: one.instanceId });
    await until(() => told.out.includes('has changed'));
    api.hangUp();
    await until(() => told.err === `${CONNECTED}The connection is lost, and is tried again.\n${CONNECTED}`);
    api.tell(one.instanceId, 'operation', { ...one, state: 'failed', problem: PROBLEM });
    await until(() => told.out.includes('failed'));
    expect(await stop()).toBe(130);
    expect(told.out.replaceAll(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}/gm, '').split('\n')).toEqual([
      `snapshot of web\u{FFFD}[2J: running, uploading 50%  ${one.id}`,
      `instance ${one.instanceId} has changed`,
      `snapshot of web\u{FFFD}[2J: failed: The store is away (store_unavailable)  ${one.id}`,
      '',
    ]);
  });

  it('of one instance come as JSON, one line each', async () => {
    const { told, until, stop } = listen('--instance', 'web-1', '--json');
    await until(() => told.out !== '');
    const [, other] = api.instances;
    api.tell(other?.id ?? '', 'instance', { id: other?.id });
    const chain = { ...api.chain, instanceId: point.instanceId };
    api.tell(point.instanceId, 'chain', chain);
    await until(() => told.out.includes('chain'));
    expect(await stop()).toBe(130);
    const lines = told.out.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { type: 'open' },
      { type: 'chain', data: chain },
    ]);
    expect(api.requests('GET', /^\/v1\/events/)[0]?.path).toBe(`/v1/events?instanceId=${point.instanceId}`);
  });

  it('end where the token does not count', async () => {
    const { code, err } = await runCli(['events'], { VARVE_URL: api.url, VARVE_TOKEN: 'wrong' });
    expect(code).toBe(5);
    expect(err).toContain('unauthorized');
  });
});

it('top needs a terminal, and says what to do without', async () => {
  const { code, err } = await varve('top');
  expect(code).toBe(2);
  expect(err).toContain('varve operation list --active');
});

it('top knows rates, time left and how the last ones ended', () => {
  const top = new Top(plain);
  const running = operationOf(point.instanceId, {
    state: 'running',
    phase: 'uploading',
    totalBytes: 100 * 1024 ** 2,
    host: 'node-1',
  });
  const at = (seconds: number, doneBytes: number): string =>
    top.frame([{ ...running, doneBytes }], { over: [], more: false }, Date.parse(running.createdAt) + seconds * 1000);
  expect(at(0, 0)).toMatch(/1 running, 0 queued/);
  expect(at(1, 10 * 1024 ** 2)).toMatch(/\[==-{18}\] +10% +100\.0 MiB +10\.0 MiB\/s +9 s +1 s +node-1/);
  expect(top.missing([])).toEqual([running.id]);
  const problem = { ...PROBLEM, message: 'The store\u001B[2J is away' };
  const last = top.frame([], { over: [{ ...running, state: 'failed', problem }], more: false }, Date.now());
  expect(last).toMatch(
    /Nothing runs\.\n\nEnded\n {2}failed {2}snapshot of [0-9a-f-]{36} {2}The store.\[2J is away \(store_unavailable\)/,
  );
  expect(last).not.toContain('\u001B');
  expect(top.missing([])).toEqual([]);
});

it('a screen is never wider than it is', () => {
  expect(cut('日本語abc', 5)).toBe('日本');
  expect(cut('\u001B[31mabcdef\u001B[39m', 3)).toBe('\u001B[31mabc\u001B[39m');
  expect(cut('abc', 3)).toBe('abc');
});
