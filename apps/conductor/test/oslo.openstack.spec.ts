import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, freshVhost } from '../../../testbed/services/shared.ts';
import { ControlPlane } from './kit/control-plane.js';
import { newInstance } from './kit/fake-worker.js';
import type { FakeWorker } from './kit/fake-worker.js';
import { until } from './kit/until.js';

interface Heard {
  readonly priority: string;
  readonly context: Record<string, unknown>;
  readonly publisher_id: string;
  readonly event_type: string;
  readonly payload: Record<string, unknown>;
  readonly metadata: Record<string, unknown>;
}

const instance = newInstance('red', { name: 'web-1' });
const heard: Heard[] = [];
let plane: ControlPlane;
let worker: FakeWorker;
let listener: ChildProcess;

beforeAll(async () => {
  const osloUrl = await freshVhost();
  const script = fileURLToPath(new URL('./listen.py', import.meta.url));
  // Debian's interpreter, which has Debian's oslo.messaging.
  const argv = [script, osloUrl.replace(/^amqp:/, 'rabbit:'), 'varve', 'notifications'];
  listener = spawn('/usr/bin/python3', argv, { stdio: ['pipe', 'pipe', 'inherit'] });
  if (!listener.stdout) throw new Error('no pipe');
  createInterface(listener.stdout).on('line', (line) => heard.push(JSON.parse(line) as Heard));
  await until('the listener is there', () => heard.shift()?.event_type === 'ready', 60_000);

  plane = await ControlPlane.start({
    databaseUrl: await freshDatabase(),
    amqpUrl: await freshVhost(),
    conductors: 2,
    oslo: { amqpUrl: osloUrl, exchange: 'varve', topic: 'notifications' },
  });
  worker = await plane.host('compute-1', [instance]);
});
afterAll(async () => {
  listener?.stdin?.end();
  await plane?.stop();
});

const next = (eventType: string): Promise<Heard> =>
  until(`${eventType} is heard`, () => {
    const at = heard.findIndex((one) => one.event_type === eventType);
    return at >= 0 && heard.splice(at, 1)[0];
  });

describe("OpenStack's own listener", () => {
  it('hears of a snapshot: that it began, whose it is, and that it is there', async () => {
    const point = await plane.snapshot('member-red', worker, instance.id, { name: 'nightly' });
    const common = {
      instance_id: instance.id,
      display_name: 'web-1',
      tenant_id: 'red',
      user_id: 'user-member-red',
      host: 'compute-1',
      operation_id: point['operationId'],
      snapshot_id: point['uid'],
      snapshot_name: 'nightly',
    };
    const start = await next('varve.snapshot.create.start');
    expect(start).toMatchObject({ priority: 'info', publisher_id: 'varve.compute-1', payload: common });
    expect(start.context).toMatchObject({ user_id: 'user-member-red', project_id: 'red' });
    const end = await next('varve.snapshot.create.end');
    expect(end).toMatchObject({ priority: 'info', payload: { ...common, healed: false } });
    expect(end.payload['size']).toBe(point['uploadedBytes']);
    expect(String(end.metadata['timestamp'])).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$/);
  });

  it('hears of a snapshot that failed, as an error with its code', async () => {
    const asked = await plane.call('member-red', 'POST', `/v1/instances/${instance.id}/snapshots`, {});
    const id = String(asked.body['operationId']);
    const job = await until('the job arrives', () => worker.jobFor(id));
    for (const event of worker.eventsOf(job, 'failed')) await worker.publish(event);
    expect(await next('varve.snapshot.create.error')).toMatchObject({
      priority: 'error',
      payload: { operation_id: id, code: expect.any(String) as string, remedy: expect.any(String) as string },
    });
    await plane.operation('member-red', id, 'failed');
  });

  it('hears of a rollback, and nothing of progress and heartbeats', async () => {
    const point = await plane.snapshot('member-red', worker, instance.id);
    const asked = await plane.call('member-red', 'POST', `/v1/instances/${instance.id}/rollbacks`, {
      snapshotUid: point['uid'],
    });
    await plane.perform(worker, asked.body['id']);
    await worker.heartbeat();
    await next('varve.rollback.start');
    const end = await next('varve.rollback.end');
    expect(end.payload).toMatchObject({ snapshot_id: point['uid'], downtime_ms: expect.any(Number) as number });
    const others = new Set(heard.map(({ event_type }) => event_type));
    expect([...others].filter((type) => !/^varve\.snapshot\.create\.(start|end)$/.test(type))).toEqual([]);
  });
});
