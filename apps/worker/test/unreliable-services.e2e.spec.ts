import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { jobsQueueOf } from '@varve/contracts';
import type { HostName } from '@varve/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Services } from '../../../testbed/services/services.ts';
import { startServices } from '../../../testbed/services/services.ts';
import { until } from '../../../testbed/services/until.ts';
import { BrokerTap } from './support/broker-tap.js';
import { stepsOfNewest } from './support/journals.js';
import { Product } from './support/product.js';
import type { ProvenInstance } from './support/proven-instance.js';

// Messages that come twice, late or unreadable, and a broker and a database that die: the guest does not notice, and
// what was asked for happens once.

const HOST = 'host-1' as HostName;
const LOAD = { span: 64, order: 'seq', perSecond: 200 } as const;
const home = mkdtempSync('/var/tmp/varve-faults-');
let services: Services;
let product: Product;
let instance: ProvenInstance;

beforeAll(async () => {
  services = await startServices({ stateDir: home, which: ['postgres', 'rabbitmq'] });
  product = await Product.start({ postgresUrl: services.postgresUrl, amqpUrl: services.amqpUrl });
  instance = await product.instance();
  await instance.guest.write(50);
  await instance.guest.load(LOAD);
});
afterAll(async () => {
  await product?.close();
  await services?.stop();
  rmSync(home, { recursive: true });
});

const journals = (): string[] => readdirSync(join(instance.guest.files.dir, '.varve', 'journals'));

describe('a job', () => {
  let tap: BrokerTap;
  beforeAll(async () => {
    tap = await BrokerTap.open(services.amqpUrl, HOST);
  });
  afterAll(() => tap?.close());

  it('that is delivered again, while it runs and when it is done, is done once', async () => {
    product.halt.ask('upload layer:begin');
    const { uid, operationId } = await product.client.createSnapshot(instance.id, { quiesce: 'none' });
    const job = await tap.jobOf(operationId);
    await product.halt.reached();
    await tap.send(job);
    product.halt.release();
    expect(await product.finished(operationId)).toMatchObject({ state: 'succeeded' });
    const snapshot = await product.client.snapshot(uid);
    const before = journals();
    await tap.send(job);
    // Jobs are taken in order: when the next one is done, the repeated one has been dealt with.
    const next = await instance.snapshotWell();
    expect(await product.client.snapshot(uid)).toEqual(snapshot);
    expect(journals()).toHaveLength(before.length + 1);
    expect(next.snapshot.backingUid).toBe(snapshot.layerUid);
  });

  it('that is older than what was done since is refused', async () => {
    const first = await instance.snapshotWell();
    const job = await tap.jobOf(first.operation.id);
    await instance.snapshotWell();
    const before = journals();
    await tap.send({ ...job, operationId: randomUUID() });
    // The catalog knows of no such operation: an operator may want to.
    expect(await tap.deadLetter()).toMatchObject({ data: { state: 'failed', problem: { code: 'job_outdated' } } });
    await instance.snapshotWell();
    expect(journals()).toHaveLength(before.length + 1);
  });

  it('of a version that the worker does not know fails its operation and is kept for an operator', async () => {
    await product.cluster.worker.stop();
    const { uid, operationId } = await product.client.createSnapshot(instance.id, { quiesce: 'none' });
    const job = await tap.take(jobsQueueOf(HOST));
    await tap.send({ ...job, version: 99 });
    product.cluster.worker.start();
    expect(await product.finished(operationId)).toMatchObject({
      state: 'failed',
      problem: { code: 'job_unusable', remedy: 'call-operator' },
    });
    expect(await product.client.snapshot(uid)).toMatchObject({ status: 'error', problem: { code: 'job_unusable' } });
    expect(await tap.deadLetter()).toMatchObject({ operationId, version: 99 });
    await instance.snapshotWell();
  });
});

describe.each(['rabbitmq', 'postgres'] as const)('%s is killed in the middle of a snapshot', (name) => {
  it('and all is known when it is back', async () => {
    product.halt.ask('upload layer:begin');
    const { uid, operationId } = await product.client.createSnapshot(instance.id, { quiesce: 'none' });
    await product.halt.reached();
    await services[name].kill();
    product.halt.release();
    await until('the worker has done its part', () =>
      stepsOfNewest(instance.guest.files.dir).includes('look at chain'),
    );
    await instance.expectProgress();
    await instance.expectSound();
    await services[name].start();
    expect(await product.finished(operationId)).toMatchObject({ state: 'succeeded' });
    expect(await product.client.snapshot(uid)).toMatchObject({ status: 'available' });
    const next = await instance.snapshotWell();
    await instance.expectSealedState(next);
  });
});

it('the guest has seen nothing of it all', async () => {
  const { guest } = instance;
  expect(await guest.stat()).toMatchObject({ errors: 0, running: true });
  await guest.stop();
  await guest.powerOff();
  expect(await guest.check()).toMatchObject({ good: true });
});
