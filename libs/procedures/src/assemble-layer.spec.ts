import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { atRest } from './testing/scenarios.js';

it('writes several pieces at once, so that a slow answer to each is not waited for one by one', async () => {
  const bench = await atRest();
  await bench.snapshot();

  const { diskFiles } = bench.host;
  const open = diskFiles.openWriter.bind(diskFiles);
  const under = { way: 0, most: 0, inAll: 0 };
  const slowly = async <T>(work: () => Promise<T>): Promise<T> => {
    under.inAll++;
    under.most = Math.max(under.most, ++under.way);
    await turn();
    return work().finally(() => under.way--);
  };
  diskFiles.openWriter = async (...of) => {
    const writer = await open(...of);
    const finish = async (): Promise<void> => {
      expect(under.way).toBe(0);
      await writer.finish();
    };
    return {
      ...writer,
      write: (offset, bytes) => slowly(() => writer.write(offset, bytes)),
      zero: (offset, length) => slowly(() => writer.zero(offset, length)),
      finish,
    };
  };
  const { outcome } = await bench.rollback(bench.pointUids[0]!);

  expect(outcome).toMatchObject({ kind: 'finished', result: { state: 'succeeded' } });
  expect(under.inAll).toBeGreaterThan(3);
  expect(under.most).toBeGreaterThan(2);
});
