import type { ChainView, SnapshotView } from '@varve/contracts';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { availableOf, operationOf } from '../../../libs/api-client/src/testing/samples.js';
import { TestApi } from '../../../libs/api-client/src/testing/test-api.js';
import { Top } from '../src/output/top.js';
import { plain } from '../src/output/colours.js';
import { cut } from '../src/output/screen.js';
import { runCli } from './run-cli.js';

let api: TestApi;
let point: SnapshotView;
beforeEach(async () => {
  api = await TestApi.start();
  point = availableOf(api.instances[0]?.id ?? '', '2026-01-01T00:00:00.000Z', { name: 'before' });
  api.snapshots.push(point);
});
afterEach(() => api.close());

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

it('does not let anybody confirm a rollback that would be refused', async () => {
  api.refusal = { code: 'instance_busy', remedy: 'retry', message: 'Nova is busy with it', facts: {} };
  const { code, err } = await varve('rollback', 'web-1', '--to', point.uid);
  expect(code).toBe(4);
  expect(err).toContain('Nova is busy with it');
  expect(api.requests('POST', /./)).toEqual([]);
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
  const problem = {
    code: 'store_unavailable',
    remedy: 'retry',
    message: 'The store\u001B[2J is away',
    facts: {},
  } as const;
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
