import type { ExportPoint, SettleDisk } from '@varve/contracts';
import { OutcomeUnknownError } from '@varve/core';
import type { InstanceId, LayerUid, OperationId, ProjectId, SnapshotUid } from '@varve/core';
import type { Hypervisor } from '@varve/ports';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FileJournals } from './file-journal.js';
import { JobsConsumer } from './jobs.consumer.js';
import type { JobDelivery } from './jobs.consumer.js';
import type { Reporter } from './reporter.js';
import type { Runner } from './runner.js';
import { GONE, GoneInstances } from './workplace.js';

const here = '00000000-0000-4000-8000-000000000001' as InstanceId;
const away = '00000000-0000-4000-8000-000000000002' as InstanceId;
const operationId = '10000000-0000-4000-8000-000000000001' as OperationId;
const envelope = {
  version: 1 as const,
  operationId,
  projectId: 'demo' as ProjectId,
  epoch: 1,
  requestedAt: '2026-01-01T00:00:00Z',
  storedLayers: [],
};
const settle = (instanceId: InstanceId): SettleDisk => ({ type: 'disk.settle', ...envelope, instanceId });
const exportOf = (instanceId: InstanceId): ExportPoint => ({
  type: 'point.export',
  ...envelope,
  instanceId,
  snapshotUid: operationId as string as SnapshotUid,
  lineage: [{ uid: operationId as string as LayerUid, manifestKey: 'k', manifestSha256: 'a'.repeat(64) }],
  currentLineage: [],
  takenAt: '2026-01-01T00:00:00Z',
  image: { name: 'x', visibility: 'private', diskFormat: 'qcow2' },
});
const cancel = { type: 'operation.cancel', version: 1, operationId, instanceId: here };

let root: string;
let did: string[];
let libvirt: () => Promise<void>;
let consumer: JobsConsumer;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'varve-jobs-'));
  await mkdir(join(root, here));
  did = [];
  libvirt = () => Promise.resolve();
  const runner = (name: string) =>
    ({
      enqueue: ({ instance }: { instance: InstanceId }) => void did.push(`${name} begins on ${instance}`),
      cancel: () => void did.push(`${name} cancels`),
    }) as unknown as Runner;
  const hypervisor = {
    find: async (instance: InstanceId) => {
      await libvirt();
      return instance === here ? { id: here } : null;
    },
  } as unknown as Hypervisor;
  const reporter = {
    publish: (_id: string, type: string, _subject: string, { problem }: { problem: { code: string } }) =>
      Promise.resolve(void did.push(`${type}: ${problem.code}`)),
  } as unknown as Reporter;
  const gone = new GoneInstances(join(root, GONE), new FileJournals(join(root, GONE)), runner('elsewhere'));
  const place = { journals: new FileJournals(root), runner: runner('here') };
  consumer = new JobsConsumer(hypervisor, place, gone, reporter, pino({ level: 'silent' }), {
    minTimeout: 1,
    retries: 3,
  });
});
afterEach(() => rm(root, { recursive: true }));

const deliver = (job: object): Promise<void> => {
  const delivery: JobDelivery = {
    json: () => job,
    ack: () => void did.push('acknowledged'),
    reject: (reason) => void did.push(`rejected: ${reason}`),
  };
  return consumer.handle(delivery);
};

it('takes an export of an instance that is not here to where such work is done, and nothing else', async () => {
  await deliver(exportOf(away));
  await deliver({ ...settle(away), operationId: '10000000-0000-4000-8000-000000000002' });
  expect(did).toEqual([`elsewhere begins on ${away}`, 'acknowledged', 'operation.finished: not_found', 'acknowledged']);
});

it('takes an export of one that is here beside its disk', async () => {
  await deliver(exportOf(here));
  await deliver(exportOf(here));
  expect(did.filter((what) => what !== 'acknowledged')).toEqual([`here begins on ${here}`, `here begins on ${here}`]);
});

it('cancels a job that is only just being taken over', async () => {
  let tell = (): void => undefined;
  const said = new Promise<void>((resolve) => (tell = resolve));
  libvirt = () => said;
  const both = [deliver(settle(here)), deliver(cancel)];
  tell();
  await Promise.all(both);
  expect(did.filter((what) => what !== 'acknowledged')).toEqual([
    `here begins on ${here}`,
    'here cancels',
    'elsewhere cancels',
  ]);
});

it('finds what became of a job that comes again while it is looked at', async () => {
  let tell = (): void => undefined;
  const said = new Promise<void>((resolve) => (tell = resolve));
  libvirt = () => said;
  const both = [deliver(settle(here)), deliver(settle(here))];
  tell();
  await Promise.all(both);
  expect(did.filter((what) => what !== 'acknowledged')).toEqual([`here begins on ${here}`, `here begins on ${here}`]);
});

const noAnswer = (): Promise<void> => Promise.reject(new OutcomeUnknownError('libvirt does not answer'));

it('asks again about an instance while libvirt is away, and then says why nothing is done', async () => {
  let asked = 0;
  libvirt = () => (++asked < 3 ? noAnswer() : Promise.resolve());
  await deliver(settle(here));
  expect(did).toEqual([`here begins on ${here}`, 'acknowledged']);

  libvirt = noAnswer;
  await deliver(exportOf(away));
  expect(did.slice(2)).toEqual(['operation.finished: outcome_unknown', 'acknowledged']);
});

it('goes on with a job that came before, whether libvirt is there or not', async () => {
  await deliver(settle(here));
  libvirt = noAnswer;
  await deliver(settle(here));
  expect(did.filter((what) => what !== 'acknowledged')).toEqual([`here begins on ${here}`, `here begins on ${here}`]);
});
