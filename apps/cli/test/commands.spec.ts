import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { InstanceView, OperationView, RollbackView, SnapshotView } from '@varve/contracts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { availableOf, instanceOf } from '../../../libs/api-client/src/testing/samples.js';
import { TestApi } from '../../../libs/api-client/src/testing/test-api.js';
import { InterruptedError } from '../src/exit-codes.js';
import type { Ran } from './run-cli.js';
import { runCli } from './run-cli.js';

let api: TestApi;
beforeEach(async () => {
  api = await TestApi.start();
});
afterEach(() => api.close());

const varve = (...args: string[]): Promise<Ran> => runCli(args, { VARVE_URL: api.url, VARVE_TOKEN: api.token });
const json = ({ out }: Ran): unknown => JSON.parse(out);

function instance(name = 'web-1'): InstanceView {
  const found = api.instances.find((one) => one.name === name);
  if (!found) throw new Error(`no sample ${name}`);
  return found;
}

function point(sealedAt: string, change: Parameters<typeof availableOf>[2] = {}): SnapshotView {
  const added = availableOf(instance().id, sealedAt, change);
  api.snapshots.unshift(added);
  return added;
}

const POINT_OF_TROUBLE = {
  code: 'store_unavailable',
  remedy: 'retry',
  message: 'The store is away',
  facts: {},
} as const;

describe('instances', () => {
  it('are listed as an aligned table', async () => {
    api.instances.push(instanceOf('größer', { state: 'stopped', virtualSizeBytes: null, chainLength: null }));
    const { code, out } = await varve('instance', 'list');
    expect(code).toBe(0);
    const lines = out.trimEnd().split('\n');
    expect(lines).toHaveLength(4);
    expect(lines[0]).toMatch(
      /^ID {36}NAME +STATE +HOST +DISK {2}LAYERS {2}PROTECTION +LAST RESTORE POINT +STORED {2}NOTE$/,
    );
    const column = lines[0]?.indexOf('HOST') ?? -1;
    for (const line of lines.slice(1)) expect(line.slice(column)).toMatch(/^node-1 /);
    expect(lines[1]).toContain('10.0 GiB');
    expect(lines[3]).toMatch(/größer {2}stopped {2}node-1 +- +- /);
  });

  it('are listed as JSON, whole', async () => {
    expect(json(await varve('instance', 'list', '--json'))).toEqual(api.instances);
    expect(json(await varve('--json', 'instance', 'list'))).toHaveLength(2);
  });

  it('go by uuid, in any case, or by name', async () => {
    for (const named of ['web-1', instance().id, instance().id.toUpperCase()]) {
      expect(json(await varve('instance', 'show', named, '--json'))).toMatchObject({ id: instance().id });
    }
  });

  it('do not go by a name that two have', async () => {
    const other = instanceOf('web-1', { host: 'node-2' });
    api.instances.push(other);
    const { code, err } = await varve('instance', 'show', 'web-1');
    expect(code).toBe(2);
    expect(err).toContain(other.id);
    expect(err).toContain(instance().id);
  });

  it('show why they are not supported', async () => {
    const problem = { code: 'disk_not_qcow2', remedy: 'fix-request', message: 'The disk is raw', facts: {} } as const;
    api.instances.push(instanceOf('raw-1', { unsupported: problem }));
    const { out } = await varve('instance', 'show', 'raw-1');
    expect(out).toContain('not possible: The disk is raw (disk_not_qcow2)');
  });

  it("can't command the terminal by their names", async () => {
    api.instances.push(instanceOf('\u001B]0;owned\u0007'));
    const { out } = await varve('instance', 'list');
    expect(out).not.toContain('\u001B');
  });
});

describe('a name that would command the terminal', () => {
  /** What a terminal might take for one; line breaks are ours. */
  const COMMANDS = /[^\P{Cc}\n]/u;
  const EVIL = 'evil\u001B]0;owned\u0007\nvarve: all is well\u009B2J';
  let [id, uid] = ['', ''];
  beforeEach(() => {
    const evil = instanceOf(EVIL);
    api.instances.push(evil);
    const added = availableOf(evil.id, '2026-01-01T00:00:00Z');
    api.snapshots.unshift(added);
    [id, uid] = [evil.id, added.uid];
  });

  it.each([
    ['snapshot create', () => ['snapshot', 'create', id]],
    ['rollback', () => ['rollback', id, '--to', uid, '--yes']],
    ['rollback that is not confirmed', () => ['rollback', id, '--to', uid]],
    ['rollback to before its first point', () => ['rollback', id, '--at', '2020-01-01', '--yes']],
    ["rollback to another one's point", () => ['rollback', id, '--to', point('2026-01-01T00:00:00Z').uid, '--yes']],
    [
      "export of another one's point",
      () => ['export', id, '--name', 'x', '--point', point('2026-01-01T00:00:00Z').uid],
    ],
    ['export', () => ['export', id, '--name', 'x', '--point', uid]],
  ])('does not in %s', async (_, args) => {
    const { out, err } = await varve(...args());
    expect(out + err).toContain('evil\u{FFFD}]0;owned');
    expect(out + err).not.toMatch(COMMANDS);
    // Nor does it write lines of its own, as if we had.
    expect(out + err).not.toMatch(/^varve: all is well/m);
  });

  it('does not in what an operation or the API says of it', async () => {
    const message = `QEMU refused ${EVIL}`;
    api.script = [{ state: 'failed', problem: { ...POINT_OF_TROUBLE, message } }];
    expect((await varve('settle', 'web-1')).err).not.toMatch(COMMANDS);
    api.refusal = { ...POINT_OF_TROUBLE, message };
    const { code, err } = await varve('rollback', id, '--to', uid);
    expect(code).toBe(4);
    expect(err).not.toMatch(COMMANDS);
  });
});

describe('snapshot create', () => {
  it('waits, with plain lines where there is no terminal, and tells the outcome', async () => {
    api.untilWatched = true;
    const { code, out, err } = await varve('snapshot', 'create', 'web-1', '--name', 'before', '--quiesce', 'require');
    expect(code).toBe(0);
    expect(out).toMatch(
      /^Snapshot [0-9a-f-]{36} is available: 12\.0 MiB changed, 11\.4 MiB stored, crash consistent, guest writes waited 1\.8 ms at most/,
    );
    expect(err).toMatch(/^Snapshot [0-9a-f-]{36} of web-1\n/);
    expect(err).toMatch(/uploading 100% \(12\.0 MiB of 12\.0 MiB\)\n/);
    expect(err).not.toContain('\u001B');
    expect(api.requests('POST', /snapshots/)[0]?.body).toEqual({ name: 'before', quiesce: 'require' });
  });

  it('keeps standard output clean for --json', async () => {
    const ran = await varve('snapshot', 'create', 'web-1', '--json');
    expect(json(ran)).toMatchObject({ status: 'available', instanceId: instance().id });
  });

  it('need not wait', async () => {
    api.stepMs = null;
    const { code, out, err } = await varve('snapshot', 'create', 'web-1', '--no-wait');
    expect(code).toBe(0);
    const [snapshot] = api.snapshots;
    expect(out).toBe(`${snapshot?.uid}\n`);
    expect(err).toContain(`varve operation watch ${snapshot?.operationId}\n`);
    const asked = await varve('snapshot', 'create', 'db-1', '--no-wait', '--json');
    expect(json(asked)).toMatchObject({ uid: api.snapshots[0]?.uid, operationId: api.snapshots[0]?.operationId });
  });

  it('fails with 1 and the reason when the operation does', async () => {
    api.script = [
      { state: 'running', phase: 'uploading' },
      { state: 'failed', problem: POINT_OF_TROUBLE },
    ];
    const { code, err, out } = await varve('snapshot', 'create', 'web-1');
    expect(code).toBe(1);
    expect(err).toMatch(/failed: The store is away\n {7}Trying again later may help\. \(store_unavailable\)\n$/);
    expect(out).toBe('');
  });

  it('is left by Ctrl-C with 130, and says how to come back', async () => {
    api.script = [];
    const stop = new AbortController();
    const running = runCli(
      ['snapshot', 'create', 'web-1'],
      { VARVE_URL: api.url, VARVE_TOKEN: api.token },
      stop.signal,
    );
    while (api.requests('GET', /events$/).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    stop.abort(new InterruptedError('Interrupted'));
    const { code, err } = await running;
    expect(code).toBe(130);
    expect(err).toContain(`goes on; follow it with: varve operation watch ${api.snapshots[0]?.operationId}`);
  });
});

describe('snapshots', () => {
  it('are listed newest first, and cut off with a word', async () => {
    const old = point('2026-01-01T00:00:00Z');
    const young = point('2026-02-01T00:00:00Z', { name: 'nightly' });
    expect((await varve('snapshot', 'list', 'web-1')).out.split('\n').map((line) => line.slice(0, 36))).toEqual([
      'UID'.padEnd(36),
      young.uid,
      old.uid,
      '',
    ]);
    const { out, err } = await varve('snapshot', 'list', 'web-1', '--limit', '1');
    expect(out).toContain(young.uid);
    expect(out).not.toContain(old.uid);
    expect(err).toContain('There are more');
  });

  it('are shown, and 3 says that there is none', async () => {
    const one = point('2026-01-01T00:00:00Z');
    expect((await varve('snapshot', 'show', one.uid)).out).toMatch(/Consistency: +filesystem\n/);
    expect((await varve('snapshot', 'show', instance().id)).code).toBe(3);
  });

  it('are restore points within a time', async () => {
    const [first, second] = [point('2026-01-01T00:00:00Z'), point('2026-02-01T00:00:00Z')];
    const listed = async (...args: string[]) =>
      (json(await varve('restore-point', 'list', 'web-1', '--json', ...args)) as SnapshotView[]).map(({ uid }) => uid);
    expect(await listed()).toEqual([second?.uid, first?.uid]);
    expect(await listed('--to', '2026-01-15T00:00:00Z')).toEqual([first?.uid]);
    expect(await listed('--from', '2026-01-15T00:00:00+01:00')).toEqual([second?.uid]);
    const noon = point(new Date(2026, 2, 15, 12).toISOString());
    expect(await listed('--from', '2026-03-15', '--to', '2026-03-15')).toEqual([noon.uid]);
  });

  it('are deleted', async () => {
    const one = point('2026-01-01T00:00:00Z');
    expect(await varve('snapshot', 'delete', one.uid)).toMatchObject({ code: 0 });
    expect(api.snapshots).toHaveLength(0);
  });
});

describe('rollback', () => {
  it('is not done without a terminal or --yes', async () => {
    const { uid } = point('2026-01-01T00:00:00Z');
    const { code, err } = await varve('rollback', 'web-1', '--to', uid);
    expect(code).toBe(2);
    expect(err).toContain('give --yes');
    expect(api.rollbacks).toEqual([]);
  });

  it('goes to a snapshot, and tells how to undo it', async () => {
    const { uid } = point('2026-01-01T00:00:00Z');
    const { code, out } = await varve('rollback', 'web-1', '--to', uid, '--yes');
    expect(code).toBe(0);
    expect(api.rollbacks[0]?.snapshotUid).toBe(uid);
    expect(out).toMatch(
      /0 B fetched, 4\.8 MiB found on the host, down for 2\.3 s\nTo take it back: varve rollback undo /,
    );
  });

  it('goes to the newest point that is not younger', async () => {
    const [first] = [point('2026-01-01T00:00:00Z'), point('2026-02-01T00:00:00Z')];
    expect((await varve('rollback', 'web-1', '--at', '2026-01-31T23:59:59Z', '--yes')).code).toBe(0);
    expect(api.rollbacks[0]?.snapshotUid).toBe(first?.uid);
    // A day has its own points, also the last one of it.
    const [late] = [point(new Date(2026, 2, 15, 23, 59).toISOString())];
    expect((await varve('rollback', 'web-1', '--at', '2026-03-15', '--yes')).code).toBe(0);
    expect(api.rollbacks[0]?.snapshotUid).toBe(late.uid);
    const none = await varve('rollback', 'web-1', '--at', '2025-12-31T23:59:59Z', '--yes');
    expect(none.code).toBe(3);
    expect(none.err).toContain('No restore point of web-1 until');
  });

  it("does not take another instance's snapshot", async () => {
    const { uid } = point('2026-01-01T00:00:00Z');
    expect((await varve('rollback', 'db-1', '--to', uid, '--yes')).code).toBe(3);
    expect(api.rollbacks).toEqual([]);
  });

  it.each([[[]], [['--to', 'x', '--at', '1h']], [['--at', 'yesterday']], [['--at', '2026-02-30']]])(
    'has to make sense: %j',
    async (args) => {
      expect((await varve('rollback', 'web-1', '--yes', ...args)).code).toBe(2);
      expect(api.rollbacks).toEqual([]);
    },
  );

  it('can be undone, listed and shown', async () => {
    const { uid } = point('2026-01-01T00:00:00Z');
    await varve('rollback', 'web-1', '--to', uid, '--yes');
    const id = api.rollbacks[0]?.id ?? '';
    expect(await varve('rollback', 'undo', id)).toMatchObject({ code: 2 });
    const asked = await varve('rollback', 'undo', id, '--yes', '--no-wait');
    expect(asked).toMatchObject({ code: 0, out: `${api.rollbacks[0]?.id}\n` });
    const { code, out } = await varve('rollback', 'undo', id, '--yes', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ kind: 'undo', undoes: id, state: 'succeeded' });
    expect(json(await varve('rollback', 'list', 'web-1', '--json'))).toHaveLength(3);
    expect((await varve('rollback', 'show', id)).out).toMatch(/Kind: +rollback\n/);
  });
});

describe('rollback keep', () => {
  it('asks first, gives up what the rollback replaced, and says what that frees', async () => {
    const { uid } = point('2026-01-01T00:00:00Z');
    await varve('rollback', 'web-1', '--to', uid, '--yes');
    const [rollback] = api.rollbacks;
    Object.assign(rollback ?? {}, { keptBytes: 5 * 2 ** 20 });
    const id = rollback?.id ?? '';
    const refused = await varve('rollback', 'keep', id);
    expect(refused).toMatchObject({ code: 2 });
    expect(refused.err).toMatch(/deletes what the rollback of web-1 replaced; give --yes/);
    const { code, out } = await varve('rollback', 'keep', id, '--yes');
    expect(code).toBe(0);
    expect(out).toMatch(/^web-1 stays as it is; 5\.0 MiB on .+ is free\n$/);
    expect((await varve('rollback', 'show', id)).out).toMatch(/Undoable: +no\n/);
    expect(json(await varve('rollback', 'keep', id, '--yes', '--no-wait', '--json'))).toMatchObject({ kind: 'keep' });
  });
});

describe.each(['undo', 'keep'])('rollback %s', (what) => {
  const rolledBack = async (change: Partial<RollbackView>): Promise<string> => {
    await varve('rollback', 'web-1', '--to', point('2026-01-01T00:00:00Z').uid, '--yes');
    const [rollback] = api.rollbacks;
    Object.assign(rollback ?? {}, change);
    return rollback?.id ?? '';
  };

  it('asks nobody to confirm what would be refused, and says so as the API would', async () => {
    const id = await rolledBack({ undoable: false });
    const { code, err } = await varve('rollback', what, id);
    expect(code).toBe(4);
    expect(err).toBe(
      `varve: What rollback ${id} replaced is not kept any more\n       Trying the same again will not help. (conflict)\n`,
    );
    expect(api.requests('POST', /undo|keep/)).toEqual([]);
  });

  it('asks nobody while another operation runs', async () => {
    const id = await rolledBack({});
    const operationId = id as OperationView['id'];
    Object.assign(instance(), { operationId });
    const { code, err } = await varve('rollback', what, id, '--json');
    expect(code).toBe(4);
    expect(JSON.parse(err)).toMatchObject({ error: { code: 'operation_running', facts: { operationId } } });
  });
});

describe('settle', () => {
  it('says what the next snapshot uploads', async () => {
    const { out } = await varve('settle', '--help');
    expect(out.replaceAll(/\s+/g, ' ')).toContain('uploads what differs from the newest stored state. Where Nova left');
  });

  it('brings the disk back to one layer, and waits for it, asked to or not', async () => {
    for (const how of [[], ['--wait']]) {
      const { code, out } = await varve('settle', 'web-1', ...how);
      expect(code).toBe(0);
      expect(out).toMatch(/^The disk of web-1 is one layer on its base image/);
    }
    const asked = await varve('settle', 'web-1', '--no-wait', '--json');
    expect(asked.code).toBe(0);
    expect(JSON.parse(asked.out)).toMatchObject({ kind: 'settle' });
  });

  it('says so when it failed', async () => {
    const problem = { code: 'no_space', remedy: 'call-operator' as const, message: 'There is no room', facts: {} };
    api.script = [{ state: 'failed', problem }];
    const { code, err } = await varve('settle', 'web-1', '--wait');
    expect(code).not.toBe(0);
    expect(err).toContain('There is no room');
  });
});

describe('export', () => {
  const imageId = crypto.randomUUID();
  const point = availableOf(crypto.randomUUID(), '2026-11-22T10:00:00.000Z');
  beforeEach(() => {
    const [web] = api.instances;
    api.snapshots.push({ ...point, instanceId: web?.id ?? point.instanceId });
    api.script = [
      { state: 'running', phase: 'uploading' },
      { state: 'succeeded', totalBytes: 3_000_000, imageId },
    ];
  });

  it.each([[['--point', point.uid]], [['--at', '2026-11-22T11:00:00Z']]])(
    '%s says which image it made',
    async (which) => {
      const { code, out } = await varve(
        'export',
        'web-1',
        ...which,
        '--name',
        'web as it was',
        '--format',
        'raw',
        '--wait',
      );
      expect(code).toBe(0);
      expect(out).toMatch(new RegExp(`^Image ${imageId} is web-1 as of .*: 2\\.9 MiB`));
      const [asked] = api.requests('POST', /exports$/);
      expect(asked?.path).toBe(`/v1/snapshots/${point.uid}/exports`);
      expect(asked?.body).toEqual({ name: 'web as it was', diskFormat: 'raw' });
    },
  );

  it('does not wait when it is told not to', async () => {
    const { code, out } = await varve('export', 'web-1', '--point', point.uid, '--name', 'x', '--no-wait', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ kind: 'export', snapshotUid: point.uid, imageId: null });
  });

  it.each([
    ['no point', ['--name', 'x']],
    ['no name', ['--point', point.uid]],
    ['another instance', ['--point', point.uid, '--name', 'x'], 'db-1'],
    ['too early', ['--at', '2020-01-01', '--name', 'x']],
  ])('asks for nothing with %s', async (_, args, instance = 'web-1') => {
    expect((await varve('export', instance, ...args)).code).not.toBe(0);
    expect(api.requests('POST', /./)).toEqual([]);
  });
});

describe('repair', () => {
  it('brings back the layers, and takes a disk as it is only when told to', async () => {
    const { code, out } = await varve('repair', 'web-1', '--wait');
    expect(code).toBe(0);
    expect(out).toMatch(/^The disk of web-1 has all its layers/);
    const asked = await varve('repair', 'web-1', '--accept-disk', '--no-wait', '--json');
    expect(asked.code).toBe(0);
    expect(JSON.parse(asked.out)).toMatchObject({ kind: 'repair' });
    expect(api.repairs).toEqual([{ acceptDisk: false }, { acceptDisk: true }]);
  });
});

describe('operations', () => {
  it('are listed, shown and cancelled', async () => {
    api.script = [{ state: 'running', phase: 'uploading', doneBytes: 1, totalBytes: 4 }];
    await varve('snapshot', 'create', 'web-1', '--no-wait');
    const [operation] = json(await varve('operation', 'list', '--instance', 'web-1', '--json')) as OperationView[];
    const id = operation?.id ?? '';
    expect((await varve('operation', 'list')).out).toContain(id);
    expect((await varve('operation', 'show', id)).out).toContain(id);
    expect(await varve('operation', 'cancel', id)).toMatchObject({ code: 0, out: `Operation ${id} is cancelled\n` });
  });

  it('are watched to their end, one JSON line for each change', async () => {
    api.script = [{ state: 'running', phase: 'uploading' }, { state: 'cancelled' }];
    await varve('snapshot', 'create', 'web-1', '--no-wait');
    const id = api.snapshots[0]?.operationId ?? '';
    const { code, out } = await varve('operation', 'watch', id, '--json');
    expect(code).toBe(1);
    const lines = out
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as OperationView).state);
    expect(lines.at(-1)).toBe('cancelled');
    expect((await varve('operation', 'watch', id)).err).toContain(`Operation ${id} was cancelled`);
  });

  it('make a second one on the same instance a conflict that names the first', async () => {
    api.stepMs = null;
    await varve('snapshot', 'create', 'web-1', '--no-wait');
    const { code, err } = await varve('snapshot', 'create', 'web-1');
    expect(code).toBe(4);
    expect(err).toContain(`Operation ${api.snapshots[0]?.operationId} is running`);
    expect(err).toContain('request req-1');
  });
});

it('lists hosts', async () => {
  expect((await varve('host', 'list')).out).toMatch(/node-1 {2}up +0\.1\.0 +7\.2\.22 +2 +0 +50\.0 GiB/);
});

describe('exit codes', () => {
  it.each([
    [401, 5],
    [403, 5],
    [404, 3],
    [409, 4],
    [400, 2],
    [422, 2],
    [500, 1],
  ])('status %i is %i', async (status, code) => {
    api.faults = [{ on: /hosts/, times: 1, how: { status } }];
    expect((await varve('host', 'list')).code).toBe(code);
  });

  it('6: nothing answers, after some tries', async () => {
    api.faults = [{ on: /hosts/, times: Infinity, how: 'drop' }];
    const { code, err } = await varve('host', 'list');
    expect(code).toBe(6);
    expect(err).toMatch(/^varve: The API at http:\/\/127\.0\.0\.1:\d+ does not answer: \w+\n {7}Trying again later/);
  });

  it('tell what was wrong as JSON where JSON is asked for', async () => {
    const { code, out, err } = await runCli(['host', 'list', '--json'], { VARVE_URL: api.url, VARVE_TOKEN: 'wrong' });
    expect(code).toBe(5);
    expect(out).toBe('');
    expect(JSON.parse(err)).toMatchObject({ error: { code: 'unauthorized', status: 401, requestId: 'req-1' } });
  });

  it.each([
    [['nonsense'], /^unknown command 'nonsense'$/],
    [['snapsot'], /Did you mean snapshot\?/],
    [['instance'], /^A command is missing; see --help$/],
    [['instance', 'show'], /^missing required argument 'instance'$/],
    [['snapshot', 'list', 'web-1', '--limit', '0'], /a whole number from 1 on/],
    [['snapshot', 'list', 'web-1', '--url'], /argument missing/],
    [['rollback', 'web-1'], /^Back to where\?/],
  ])('tell wrong usage as JSON, too: %j', async (args, message) => {
    const { code, out, err } = await varve('--json', ...args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    const { error } = JSON.parse(err) as { error: { code: string; message: string } };
    expect(error).toEqual({ code: 'usage', message: expect.stringMatching(message) as string });
  });

  it.each([[['snapshot', 'create', 'web-1']], [['operation', 'watch']]])(
    'tell as JSON what the operation itself says: %j',
    async (args) => {
      api.script = [{ state: 'failed', problem: { ...POINT_OF_TROUBLE, facts: { bucket: 'b' } } }];
      if (args[0] === 'operation') await varve('snapshot', 'create', 'web-1', '--no-wait');
      const [id] = api.operations.keys();
      const { code, err } = await varve(...args, ...(id === undefined ? [] : [id]), '--json');
      const { error } = JSON.parse(err.trimEnd().split('\n').at(-1) ?? '') as { error: unknown };
      const [operationId] = api.operations.keys();
      expect({ code, error }).toEqual({
        code: 1,
        error: {
          code: 'store_unavailable',
          remedy: 'retry',
          message: `Operation ${operationId} failed: The store is away`,
          facts: { bucket: 'b' },
          operationId,
        },
      });
    },
  );

  it.each([
    [{ state: 'cancelled' }, 'cancelled'],
    [{ state: 'failed' }, 'operation_failed'],
  ] as const)('tell as JSON what became of an operation without a word of its own: %j', async (end, code) => {
    api.script = [end];
    const { err } = await varve('settle', 'web-1', '--json');
    expect(JSON.parse(err.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({ error: { code } });
  });

  it('tell what to do about every error, not only those of the API', async () => {
    api.refusal = POINT_OF_TROUBLE;
    const { uid } = point('2026-01-01T00:00:00Z');
    expect((await varve('rollback', 'web-1', '--to', uid)).err).toBe(
      'varve: The store is away\n       Trying again later may help. (store_unavailable)\n',
    );
  });

  it('are said rightly: a token that is missing is wrong usage', async () => {
    expect((await runCli(['host', 'list', '--url', api.url])).code).toBe(2);
    const { out } = await varve('--help');
    expect(out).toMatch(/ {2}2 .*no address or token given\n/);
    expect(out).toMatch(/ {2}5 +the token or the login is wrong or has ended, or its role is not enough\n/);
  });

  it.each([
    [['nonsense'], 2],
    [['instance'], 2],
    [['instance', 'show'], 2],
    [['snapshot', 'create', 'web-1', '--quiesce', 'maybe'], 2],
    [['snapshot', 'list', 'web-1', '--limit', '0'], 2],
    [['--help'], 0],
    [['rollback', '--help'], 0],
    [['instance', 'show', 'nobody'], 3],
  ])('%j is %i', async (args, code) => {
    expect((await varve(...args)).code).toBe(code);
  });
});

describe('where and as whom', () => {
  it('has to be said', async () => {
    expect(await runCli(['host', 'list'], {})).toMatchObject({
      code: 2,
      err: expect.stringContaining('VARVE_URL') as string,
    });
    expect(await runCli(['host', 'list', '--url', 'ftp://x'], {})).toMatchObject({ code: 2 });
    const { code, err } = await runCli(['host', 'list', '--url', api.url], {});
    expect(code).toBe(2);
    expect(err).toContain('/nonexistent/.config/varve/token');
  });

  it('may come by options, and the token from a file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'varve-cli-'));
    try {
      const file = join(folder, 'token');
      await writeFile(file, `${api.token}\n`);
      expect(await runCli(['host', 'list', '--url', api.url, '--token', api.token])).toMatchObject({ code: 0 });
      expect(
        await runCli(['host', 'list', '--url', api.url, '--token-file', file], { VARVE_TOKEN: 'x' }),
      ).toMatchObject({
        code: 0,
      });
      expect(await runCli(['host', 'list', '--url', api.url], { VARVE_TOKEN_FILE: file })).toMatchObject({ code: 0 });
      await writeFile(file, 'two\nlines\n');
      expect(await runCli(['host', 'list', '--url', api.url, '--token-file', file])).toMatchObject({ code: 2 });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
