import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CONDUCTOR_RIGHTS, workerRights } from '@varve/contracts';
import type { InstanceView, OperationView, RollbackView, SnapshotView } from '@varve/contracts';
import type { HostName, InstanceId } from '@varve/core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RealHost } from '../../../libs/adapters/src/hypervisor/testing/real-host.js';
import { makeRealHost } from '../../../libs/adapters/src/hypervisor/testing/real-host.js';
import { Cluster, TOKENS } from '../../../testbed/cluster.ts';
import { freshDatabase, freshVhost, userWith } from '../../../testbed/services/shared.ts';
import { until } from '../../../testbed/services/until.ts';
import type { Ran } from './run-cli.js';
import { runCli } from './run-cli.js';

// The command against the whole product, on a host with real QEMU processes. Needs the build.

let root: string;
let host: RealHost;
let cluster: Cluster;
let instance: InstanceId;

const varve = (...args: string[]): Promise<Ran> => runCli(args, cluster.cliEnv(TOKENS.admin));
const json = async <T>(...args: string[]): Promise<T> => {
  const { code, out, err } = await varve(...args, '--json');
  expect({ code, err }).toMatchObject({ code: 0 });
  return JSON.parse(out) as T;
};

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'varve-cli-cluster-'));
  const [postgresUrl, amqpUrl] = await Promise.all([freshDatabase(), freshVhost()]);
  host = await makeRealHost();
  instance = await host.newInstance('blockdev');
  await host.start(instance);
  const store = { kind: 'filesystem', path: join(root, 'store') } as const;
  // Each as the documentation has it: with the least rights at the broker.
  const workerEnv = { VARVE_AMQP_URL: await userWith(amqpUrl, workerRights('host-1' as HostName)) };
  const conductorEnv = { VARVE_AMQP_URL: await userWith(amqpUrl, CONDUCTOR_RIGHTS) };
  cluster = await Cluster.start({
    root,
    postgresUrl,
    amqpUrl,
    store,
    instancesDir: host.instancesDir,
    workerEnv,
    conductorEnv,
  });
  await until('the host has told of its instance', async () => (await varve('instance', 'show', instance)).code === 0);
});
afterAll(async () => {
  await cluster?.close();
  await host?.close();
  await rm(root, { recursive: true });
});

it('shows hosts and instances', async () => {
  expect((await varve('host', 'list')).out).toMatch(/host-1 +up .* 7\./);
  expect(await json<InstanceView[]>('instance', 'list')).toMatchObject([
    { id: instance, name: 'a test', state: 'running' },
  ]);
  expect(await json<InstanceView>('instance', 'show', 'a test')).toMatchObject({ id: instance, unsupported: null });
});

it('takes snapshots, follows them live, rolls back by uid and by time, and undoes it', async () => {
  const points: SnapshotView[] = [];
  for (const value of [1, 2, 3]) {
    await host.guestWrite(instance, 5, value);
    const taken = await json<SnapshotView>(
      'snapshot',
      'create',
      'a test',
      '--name',
      `point ${value}`,
      '--quiesce',
      'none',
    );
    expect(taken).toMatchObject({ status: 'available', name: `point ${value}`, consistency: 'crash' });
    points.push(taken);
  }
  const [first, second] = points;
  if (!first || !second) throw new Error('no points');
  expect((await json<SnapshotView[]>('snapshot', 'list', instance)).map(({ name }) => name)).toEqual([
    'point 3',
    'point 2',
    'point 1',
  ]);

  const back = await json<RollbackView>('rollback', instance, '--to', first.uid, '--yes');
  expect(back).toMatchObject({ state: 'succeeded', snapshotUid: first.uid, undoable: true });
  expect(await host.guestRead(instance, 5)).toBe(1);

  await json<RollbackView>('rollback', 'undo', back.id, '--yes');
  expect(await host.guestRead(instance, 5)).toBe(3);

  const at = await varve('rollback', instance, '--at', second.sealedAt ?? '', '--yes');
  expect(at).toMatchObject({ code: 0, out: expect.stringMatching(/^a test is back at .* down for .* s\n/) as string });
  expect(await host.guestRead(instance, 5)).toBe(2);

  const [newest] = await json<OperationView[]>('operation', 'list', '--instance', instance, '--limit', '1');
  expect(newest).toMatchObject({ kind: 'rollback', state: 'succeeded' });
  expect((await varve('operation', 'watch', newest?.id ?? '')).out).toMatch(/State: +succeeded\n/);
});

it('deletes what nothing stands on, and is told what stands on the rest', async () => {
  const all = await json<SnapshotView[]>('snapshot', 'list', instance);
  const uidOf = (name: string): string => all.find((one) => one.name === name)?.uid ?? '';
  const needed = await varve('snapshot', 'delete', uidOf('point 1'));
  expect(needed.code).toBe(4);
  expect(needed.err).toContain('snapshot_needed');
  expect(await varve('snapshot', 'delete', uidOf('point 3'))).toMatchObject({ code: 0 });
  expect((await varve('snapshot', 'show', uidOf('point 3'))).code).toBe(3);
});

it('tells by its exit code what the API says', async () => {
  const as = async (token: string, ...args: string[]) => (await runCli(args, cluster.cliEnv(token))).code;
  expect(await as('a token that nobody has', 'instance', 'list')).toBe(5);
  expect(await as(TOKENS.reader, 'host', 'list')).toBe(5);
  expect(await as(TOKENS.stranger, 'instance', 'show', instance)).toBe(3);
  expect(await as(TOKENS.admin, 'operation', 'show', 'no-uuid')).toBe(2);
  expect(await as(TOKENS.admin, 'operation', 'show', instance)).toBe(3);
});

it('names the running operation to whoever comes second', async () => {
  await cluster.worker.stop();
  const waiting = await varve('snapshot', 'create', instance, '--no-wait');
  expect(waiting).toMatchObject({ code: 0 });
  const [running] = await json<OperationView[]>('operation', 'list', '--instance', instance, '--limit', '1');
  const second = await varve('snapshot', 'create', instance);
  expect(second.code).toBe(4);
  expect(second.err).toContain(running?.id);
  cluster.worker.start();
  expect((await varve('operation', 'watch', running?.id ?? '')).code).toBe(0);
});

it('tells of all that there is to see: layers, steps, what a rollback would do, who did what', async () => {
  const [point] = await json<SnapshotView[]>('restore-point', 'list', 'a test');
  const chain = await varve('instance', 'chain', instance);
  expect(chain.out).toMatch(/\nactive +-/);
  expect((await varve('operation', 'steps', point?.operationId ?? '')).out).toMatch(/upload layer +done/);
  const plan = await varve('rollback', 'plan', instance, '--to', point?.uid ?? '');
  expect(plan.out).toMatch(/To fetch, at most: +\d/);
  expect((await varve('snapshot', 'estimate', instance)).out).toMatch(/Guest waits: +[\d.]+ ms/);
  expect((await varve('overview')).out).toMatch(/Protected: +1\n/);
  expect((await varve('overview', 'storage', '--csv')).out).toMatch(
    /^at,storedBytes,fullCopiesBytes,restorePoints\r\n/,
  );
  expect((await varve('audit', 'list', '--action', 'snapshots:create')).out).toContain('snapshots:create');
  expect((await varve('whoami')).out).toMatch(/May: +.*rollbacks:create/);
  expect((await varve('instance', 'list', '--protection', 'failing', '--csv')).out.split('\r\n')).toHaveLength(2);
});
