import { InstanceView } from '@varve/contracts';
import type { InstanceView as Instance } from '@varve/contracts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { availableOf, instanceOf, operationOf, timelineOf } from '../../../libs/api-client/src/testing/samples.js';
import { TestApi } from '../../../libs/api-client/src/testing/test-api.js';
import { InterruptedError } from '../src/exit-codes.js';
import { csv } from '../src/output/csv.js';
import { programOf } from '../src/program.js';
import { commandsBelow } from '../src/completion/command-tree.js';
import { runCli } from './run-cli.js';
import { PassThrough } from 'node:stream';

// What is asked for as CSV, watched or mistyped.

let api: TestApi;
beforeEach(async () => {
  api = await TestApi.start();
});
afterEach(() => api.close());

const env = () => ({ VARVE_URL: api.url, VARVE_TOKEN: api.token });
const varve = (...args: string[]) => runCli(args, env());

/** As RFC 4180 has it, and nothing else. */
function parseCsv(text: string): Record<string, string>[] {
  const rows: string[][] = [[]];
  const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/gy;
  for (let match = cell.exec(text); match; match = cell.exec(text)) {
    rows.at(-1)?.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
    if (match[3] === '\r\n') rows.push([]);
    if (cell.lastIndex === text.length) break;
  }
  const [names = [], ...lines] = rows.slice(0, -1);
  return lines.map((line) => Object.fromEntries(names.map((name, at) => [name, line[at] ?? 'missing'])));
}

const problem = { code: 'disk_not_qcow2', remedy: 'fix-request', message: 'It is "raw", sorry', facts: {} } as const;

describe('csv', () => {
  it('has every field of the view, in columns that stay, and quotes what needs it', async () => {
    api.instances.push(instanceOf('a, "b"\r\nc', { unsupported: problem, virtualSizeBytes: null }));
    const { code, out } = await varve('instance', 'list', '--csv');
    expect(code).toBe(0);
    const [first, , last] = parseCsv(out);
    expect(first).toMatchObject({ name: 'web-1', virtualSizeBytes: '10737418240', 'unsupported.code': '' });
    expect(last).toMatchObject({
      name: 'a, "b"\r\nc',
      virtualSizeBytes: '',
      'unsupported.code': 'disk_not_qcow2',
      'unsupported.message': 'It is "raw", sorry',
      'unsupported.facts': '{}',
    });
    api.instances.length = 0;
    expect((await varve('instance', 'list', '--csv')).out).toBe(`${out.split('\r\n')[0]}\r\n`);
  });

  it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\tx', '\r=x', '＝1+1'])(
    'lets no spreadsheet compute the name %j',
    (name) => {
      const [row] = parseCsv(csv(InstanceView, [instanceOf(name)]));
      expect(row?.['name']).toBe(`'${name}`);
    },
  );

  it('leaves numbers and other texts as they are', () => {
    const [row] = parseCsv(csv(InstanceView, [instanceOf("a=b '-1")]));
    expect(row).toMatchObject({ name: "a=b '-1", storedBytes: '0', restorePoints: '0' });
  });

  it('is of one thing, too, and of everything that is listed or shown', async () => {
    const point = availableOf(api.instances[0]?.id ?? '', '2026-01-01T00:00:00Z');
    api.snapshots.push(point);
    expect(parseCsv((await varve('snapshot', 'show', point.uid, '--csv')).out)).toMatchObject([
      { uid: point.uid, stallMs: '2.1', healed: 'false' },
    ]);
    const terminal = { out: new PassThrough(), err: new PassThrough(), in: new PassThrough() };
    const program = programOf({ terminal, env: {}, signal: new AbortController().signal });
    const shown = commandsBelow(program).filter(({ path }) => /^(list|show)$/.test(path.at(-1) ?? ''));
    expect(shown.length).toBeGreaterThan(8);
    for (const { path, command } of shown) {
      const options = command.options.map(({ long }) => long);
      expect([path, options]).toEqual([path, expect.arrayContaining(['--csv'])]);
      if (path.at(-1) === 'list') expect([path, options]).toEqual([path, expect.arrayContaining(['--watch'])]);
    }
  });

  it('is of the restore points in time one by one, and says what to do where there are too many for that', async () => {
    const { id } = api.instances[0] ?? instanceOf('none');
    const point = availableOf(id, '2026-01-01T00:00:00Z');
    api.snapshots.push(point);
    expect(parseCsv((await varve('restore-point', 'timeline', 'web-1', '--csv')).out)).toMatchObject([
      { uid: point.uid, branch: '0' },
    ]);

    const [from, to] = ['2026-01-01T00:00:00.000Z', '2026-06-01T00:00:00.000Z'];
    const bucket = { from, to, branch: 0, available: 2400, failed: 100, changedBytes: 1, newest: null };
    api.timeline = { ...timelineOf(id, []), total: 2500, buckets: [bucket] };
    const { code, out, err } = await varve('restore-point', 'timeline', 'web-1', '--csv');
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(/^varve: 2500 points between .* there can be 2000\. Ask .* with --from and --to\n$/);
  });

  it.each([
    [['instance', 'list', '--csv', '--json']],
    [['instance', 'list', '--csv', '--watch']],
    [['instance', 'list', '--watch', 'soon']],
    [['snapshot', 'create', 'web-1', '--csv']],
  ])('%j makes no sense', async (args) => {
    expect(await varve(...args)).toMatchObject({ code: 2, out: '' });
    expect(api.seen).toEqual([]);
  });
});

describe('--watch, where there is no terminal', () => {
  it.each([
    ['a line of JSON each time', ['--json'], (out: string) => out.split('\n').filter((line) => line !== '')],
    ['the table again', [], (out: string) => out.split('\n\n')],
  ])('writes %s, until Ctrl-C', async (_, options, split) => {
    const stop = new AbortController();
    const running = runCli(['instance', 'list', '--watch', '0.1', ...options], env(), stop.signal);
    while (api.requests('GET', /instances/).length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    stop.abort(new InterruptedError('Interrupted'));
    const { code, out } = await running;
    expect(code).toBe(130);
    const pieces = split(out);
    expect(pieces.length).toBeGreaterThanOrEqual(2);
    for (const piece of pieces.slice(0, 2)) expect(piece).toContain('web-1');
    if (options.length > 0) expect(JSON.parse(pieces[0] ?? '') as Instance[]).toHaveLength(2);
    expect(out).not.toContain('\u001B');
  });
});

it('asks the API for what is wanted, and for nothing that was not said', async () => {
  api.instances.push(instanceOf('web-2', { protection: 'failing' }));
  const names = async (...args: string[]) =>
    (JSON.parse((await varve('instance', 'list', '--json', ...args)).out) as Instance[]).map(({ name }) => name);
  expect(await names('--search', 'WEB')).toEqual(['web-1', 'web-2']);
  expect(await names('--protection', 'failing')).toEqual(['web-2']);
  expect(await names('--sort', 'name', '--desc')).toEqual(['web-2', 'web-1', 'db-1']);
  expect(await names('--limit', '1')).toEqual(['web-1']);
  const active = operationOf(api.instances[0]?.id ?? '', { state: 'running' });
  api.operations.set(active.id, active);
  const over = operationOf(api.instances[0]?.id ?? '', { state: 'failed' });
  api.operations.set(over.id, over);
  const listed = async (...args: string[]) =>
    (JSON.parse((await varve('operation', 'list', '--json', ...args)).out) as { id: string }[]).map(({ id }) => id);
  expect(await listed()).toEqual([active.id, over.id]);
  expect(await listed('--active')).toEqual([active.id]);
  expect(await listed('--kind', 'export')).toEqual([]);
  expect(await varve('operation', 'list', '--active', '--state', 'failed')).toMatchObject({ code: 2 });
  expect(api.requests('GET', /instances/)[0]?.path).toBe('/v1/instances?search=WEB&limit=1000');
});

describe('did you mean', () => {
  it.each([
    [['snapsot', 'list'], 2, 'snapshot'],
    [['snapshot', 'lst'], 2, 'list'],
    [['snapshot', 'list', '--statuss', 'x'], 2, '--status'],
    [['rollback', 'lst', 'web-1'], 2, 'list'],
    [['rollback', 'undoo', '--yes'], 2, 'undo'],
    [['completion', 'zhs'], 2, 'zsh'],
    [['instance', 'show', 'wbe-1'], 3, 'web-1'],
    [['rollback', 'WEB-1', '--at', '1h', '--yes'], 3, 'web-1'],
    [['snapshot', 'create', 'bd-1'], 3, 'db-1'],
  ])('%j', async (args, code, meant) => {
    const ran = await varve(...args);
    expect(ran.code).toBe(code);
    expect(ran.err).toContain(`(Did you mean ${meant}?)`);
  });

  it('is not said of what is nothing like it, and names command no terminal', async () => {
    expect((await varve('instance', 'show', 'something-else')).err).toBe(
      'varve: No instance something-else\n       Trying the same again will not help. (not_found)\n',
    );
    api.instances.push(instanceOf('evil\u001B[2J'));
    expect((await varve('instance', 'show', 'evil[2J')).err).not.toContain('\u001B');
  });
});
