import { createDiskFiles } from '@varve/adapters';
import type { FileId, InstanceId, LayerUid } from '@varve/core';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { until } from '../../../testbed/services/until.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Product } from './support/product.js';
import type { ProvenInstance } from './support/proven-instance.js';

// The hook that libvirt asks before it starts a domain, asked as libvirt does. That libvirt heeds it, and reads the chain
// afterwards, is tried beside a real Nova.

const GUARD = resolve(import.meta.dirname, '../../../packaging/libvirt/varve-guard');
const LOAD = { span: 3000, order: 'rand', perSecond: 150 } as const;

let product: Product;
let instance: ProvenInstance;
let settings: string;

beforeAll(async () => {
  product = await Product.start();
  instance = await product.instance();
  await instance.guest.write(200);
  await instance.snapshotWell();
  settings = join(product.root, 'worker.env');
  const { env } = product.cluster.worker;
  writeFileSync(
    settings,
    Object.entries(env)
      .map(([name, value]) => `${name}="${value}"\n`)
      .join(''),
  );
});
afterAll(() => product?.close());

const domain = (uuid: string, source = 'disk'): string => `<domain type='kvm'>
  <name>instance-00000001</name>
  <uuid>${uuid}</uuid>
  <devices><disk type='file' device='disk'><source file='${join(product.cluster.instancesDir, uuid, source)}'/></disk></devices>
</domain>
`;

async function ask(
  operation: 'prepare' | 'migrate' | 'stopped',
  xml: string,
  file = settings,
): Promise<{ code: number | null; said: string }> {
  const child = spawn(GUARD, ['instance-00000001', operation, 'begin', '-'], {
    env: { PATH: process.env['PATH'], VARVE_SETTINGS: file },
  });
  const code = new Promise<number | null>((done) => child.once('close', done));
  child.stdin.on('error', () => undefined); // it need not read what it does not want to know
  child.stdin.end(xml);
  const said = await text(child.stderr);
  return { code: await code, said };
}

describe('the guard', () => {
  it('moves `disk` on when the worker died before it could: no flushed write is lost', async () => {
    const { guest } = instance;
    await guest.load(LOAD);
    const before = await instance.ownLayers();
    product.halt.ask('switch to overlay:unrecorded');
    const { operationId } = await product.client.createSnapshot(instance.id, { quiesce: 'none' });
    expect(await product.halt.reached()).toBe(true);
    await product.cluster.worker.kill();
    const { acked } = await instance.firstWrite();
    // Into the layer that `disk` does not lead to.
    const flushed = await until('the guest has flushed more', async () => {
      const stat = await guest.stat();
      return stat.acked > acked + 100 && stat.acked;
    });
    await guest.kill9();
    expect(await instance.ownLayers()).toEqual(before);

    expect(await ask('prepare', domain(instance.id))).toMatchObject({ code: 0 });
    expect(await instance.ownLayers()).toHaveLength(before.length + 1);
    await guest.boot();
    await instance.expectState({ acked: flushed, upto: Infinity });
    product.cluster.worker.start();
    expect(await product.finished(operationId)).toMatchObject({ state: 'succeeded' });
    expect(await ask('prepare', domain(instance.id))).toEqual({ code: 0, said: '' });
  });

  it('takes a merge back that a dying QEMU had told of before it flushed it: no flushed write is lost', async () => {
    const { guest } = instance;
    await instance.snapshotWell();
    await guest.write(50);
    const { acked } = await guest.stat();
    await guest.kill9();
    const { VARVE_INSTANCES_DIR: instancesDir = '', VARVE_STATE_DIR: stateDir = '' } = product.cluster.worker.env;
    const files = createDiskFiles({ kind: 'qemu-img', instancesDir, stateDir });
    const id = instance.id as InstanceId;
    // As if the last snapshot had sealed a layer and merged it, and not come to put that on record.
    const record = await files.readRecord(id);
    const [lower, upper] = record?.files.slice(-2) ?? [];
    if (!record || !lower || !upper) throw new Error('The instance has no sealed layer');
    const [active, layerUid] = [randomUUID() as FileId, randomUUID() as LayerUid];
    await files.createLayer(id, active, { kind: 'layer', file: upper.fileId }, record.virtualSizeBytes);
    await files.pointDiskAt(id, active);
    await files.setBacking(id, active, { kind: 'layer', file: lower.fileId });
    const inode = await files.diskInode(id);
    await files.writeRecord({
      ...record,
      files: [
        ...record.files.slice(0, -2),
        { ...lower, mixture: true },
        { ...upper, asOf: layerUid, layers: [layerUid] },
        { fileId: active, asOf: null, layers: [], inode: inode ?? '' },
      ],
    });

    expect(await ask('prepare', domain(instance.id))).toMatchObject({ code: 0 });
    await guest.boot();
    await instance.expectState({ acked, upto: Infinity });
    await guest.load(LOAD);
    await instance.snapshotWell();
  });

  it('has nothing against instances that it does not know, hosts without a worker, and what starts nothing', async () => {
    const unknown = domain(randomUUID());
    expect(await ask('prepare', unknown)).toEqual({ code: 0, said: '' });
    expect(await ask('migrate', unknown)).toEqual({ code: 0, said: '' });
    expect(await ask('stopped', domain(instance.id))).toEqual({ code: 0, said: '' });
    expect(await ask('prepare', domain(instance.id), '/nowhere/worker.env')).toEqual({ code: 0, said: '' });
    expect(await ask('prepare', 'not a definition')).toEqual({ code: 0, said: '' });
  });

  it('forbids the start of an instance whose disk can’t be settled', async () => {
    const uuid = randomUUID();
    const journals = join(product.cluster.instancesDir, uuid, '.varve', 'journals');
    mkdirSync(journals, { recursive: true });
    writeFileSync(join(journals, `000000000001-${randomUUID()}.open.jsonl`), 'not a journal\n');
    const { code, said } = await ask('prepare', domain(uuid));
    expect(code).toBe(1);
    expect(said).toContain(`the disk of instance ${uuid} could not be settled`);
  });

  it('forbids a migration that would leave layers behind, and no other', async () => {
    const uuid = randomUUID();
    expect(await ask('migrate', domain(uuid, 'disk'))).toEqual({ code: 0, said: '' });
    const { code, said } = await ask('migrate', domain(uuid, `layers/${randomUUID()}/base`));
    expect(code).toBe(1);
    expect(said).toContain(`varve settle --wait ${uuid}`);
  });
});
