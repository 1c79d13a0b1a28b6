import type { InstanceId, OperationId } from '@varve/core';
import type { JournalHead } from '@varve/procedures';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { watchSyncs } from '../../../testbed/watch-syncs.ts';
import { FileJournals } from './file-journal.js';
import type { Runner } from './runner.js';
import { GONE, GoneInstances } from './workplace.js';

const instance = (n: number): InstanceId => `00000000-0000-4000-8000-00000000000${n}` as InstanceId;
const head = (n: number): JournalHead => ({
  kind: 'open',
  procedure: 'point.export',
  procedureVersion: 1,
  operationId: `10000000-0000-4000-8000-00000000000${n}` as OperationId,
  epoch: n,
  request: { instanceId: instance(n) },
  at: '2026-01-01T00:00:00Z',
});

let root: string;
let gone: GoneInstances;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'varve-gone-'));
  const directory = join(root, GONE);
  gone = new GoneInstances(directory, new FileJournals(directory), {} as Runner);
});
afterEach(() => rm(root, { recursive: true }));

it('keeps what is unfinished of instances that are gone, and forgets the rest when the worker starts', async () => {
  await gone.tidy();
  for (const n of [1, 2]) await gone.placeFor(instance(n));
  await gone.journals.create(instance(1), head(1));
  await gone.journals.close(await gone.journals.create(instance(2), head(2)));
  await gone.tidy();
  expect(await readdir(join(root, GONE))).toEqual([instance(1)]);
  expect(await gone.journals.listOpen()).toHaveLength(1);
});

it('is no instance among the others', async () => {
  await gone.tidy();
  await gone.placeFor(instance(1));
  await gone.journals.create(instance(1), head(1));
  expect(await new FileJournals(root).listOpen()).toEqual([]);
});

it('outlasts a power cut: a job is acknowledged as soon as its journal is in it', async () => {
  await gone.tidy();
  const synced = await watchSyncs();
  await gone.placeFor(instance(1));
  expect(synced).toEqual(expect.arrayContaining([root, join(root, GONE)]));
});
