import type { Chain } from '@varve/contracts';
import type { ChainRecord, HostName, InstanceId, LayerUid, OperationId } from '@varve/core';
import { FakeHost } from '@varve/ports/testing';
import { pino } from 'pino';
import { beforeEach, describe, expect, it } from 'vitest';
import { lookAtChain } from './chain-facts.js';
import { ChainReporter, withRecordsWatched } from './chain-reporter.js';

const log = pino({ level: 'silent' });
const HOST = 'host-1' as HostName;

let host: FakeHost;
let instance: InstanceId;
beforeEach(async () => {
  host = new FakeHost({ blockCount: 16 });
  instance = await host.newInstance();
});

/** `[base] <- [history] <- [active]`, written to. */
async function layered(): Promise<ChainRecord> {
  const { diskFiles } = host;
  const [history, active] = [host.newFileId(), host.newFileId()];
  const { inode } = await diskFiles.adoptDisk(instance, history);
  const writer = await diskFiles.openWriter(instance, history);
  await writer.write(0, Buffer.alloc(host.blockBytes, 7));
  await writer.finish();
  const made = await diskFiles.createLayer(instance, active, { kind: 'layer', file: history }, 16 * host.blockBytes);
  await diskFiles.pointDiskAt(instance, active);
  const [first, second] = [host.newId(), host.newId()] as LayerUid[] as [LayerUid, LayerUid];
  return {
    version: 1,
    instanceId: instance,
    base: { path: '/var/base/image', format: 'raw' },
    virtualSizeBytes: 16 * host.blockBytes,
    files: [
      { fileId: history, asOf: second, layers: [first, second], inode },
      { fileId: active, asOf: null, layers: [], inode: made.inode },
    ],
    detached: null,
    safety: null,
    transient: [],
  };
}

describe('the chain that is told of', () => {
  it('is that of the record, with the size of each file', async () => {
    const record = await layered();
    await host.diskFiles.writeRecord(record);
    const chain = await lookAtChain(host.diskFiles, instance);
    const [history, active] = record.files;
    expect(chain).toMatchObject({
      base: { name: 'image' },
      layers: [
        { fileId: history?.fileId, asOf: history?.asOf, merged: 2, isMixture: false },
        { fileId: active?.fileId, asOf: null, merged: 0 },
      ],
      kept: null,
    });
    expect(chain?.layers[0]?.allocatedBytes).toBeGreaterThan(chain?.layers[1]?.allocatedBytes ?? Infinity);
  });

  it('is one active layer of an instance that was never touched, and not known of layers that are not ours', async () => {
    const chain = await lookAtChain(host.diskFiles, instance);
    expect(chain).toMatchObject({ layers: [{ fileId: null, asOf: null, merged: 0 }], kept: null });
    expect(chain?.layers[0]?.fileBytes).toBeGreaterThan(0);
    await layered();
    expect(await lookAtChain(host.diskFiles, instance)).toBeNull();
  });

  it('says what the undo of a rollback alone takes', async () => {
    const record = await layered();
    const [history, active] = record.files;
    if (!history || !active) throw new Error('no layers');
    const operationId = host.newId() as OperationId;
    const alone = host.newFileId();
    await host.diskFiles.createLayer(instance, alone, { kind: 'layer', file: history.fileId }, record.virtualSizeBytes);
    const kept = { operationId, files: [history, { ...active, fileId: alone }], detached: null, createdAt: '' };
    await host.diskFiles.writeRecord({ ...record, safety: kept });
    const allocatedBytes = await host.diskFiles.allocatedBytes(instance, alone);
    expect((await lookAtChain(host.diskFiles, instance))?.kept).toEqual({ rollbackId: operationId, allocatedBytes });
  });
});

describe('a change of the chain', () => {
  it('is told of once; what is only about to join or leave it is none', async () => {
    const told: Chain[] = [];
    const report = async ({ data }: { data: object }): Promise<void> => {
      told.push((data as { chain: Chain }).chain);
    };
    const reporter = new ChainReporter(HOST, host.diskFiles, { report }, log);
    const files = withRecordsWatched(host.diskFiles, (record) => reporter.written(record));
    const record = await layered();
    await files.writeRecord(record);
    await files.writeRecord({ ...record, transient: [host.newFileId()] });
    await files.writeRecord(record);
    await expect.poll(() => told.length).toBe(1);
    const [history, active] = record.files;
    if (!history || !active) throw new Error('no layers');
    await files.writeRecord({ ...record, files: [{ ...history, mixture: true }, active] });
    await expect.poll(() => told.length).toBe(2);
    expect(told[1]?.layers[0]).toMatchObject({ isMixture: true });
    expect(await files.readRecord(instance)).toMatchObject({ files: [{ mixture: true }, {}] });
  });

  it('is told of as it is in the end, however often it changes while the broker does not answer', async () => {
    const told: number[] = [];
    let answer: () => void = () => undefined;
    const report = async ({ data }: { data: object }): Promise<void> => {
      told.push((data as { chain: Chain }).chain.layers[0]?.merged ?? -1);
      if (told.length === 1) await new Promise<void>((resolve) => (answer = resolve));
    };
    const reporter = new ChainReporter(HOST, host.diskFiles, { report }, log);
    const files = withRecordsWatched(host.diskFiles, (record) => reporter.written(record));
    const record = await layered();
    const [history, active] = record.files;
    if (!history || !active) throw new Error('no layers');
    await files.writeRecord(record);
    await expect.poll(() => told.length).toBe(1);
    for (let n = 3; n <= 20; n++) {
      const layers = Array.from({ length: n }, () => host.newId() as LayerUid);
      await files.writeRecord({ ...record, files: [{ ...history, layers }, active] });
    }
    answer();
    await expect.poll(() => told).toEqual([2, 20]);
  });
});
