import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { XfsMount } from '../../../testbed/xfs.ts';
import { mountXfs } from '../../../testbed/xfs.ts';
import { Product } from './support/product.js';

// Layers become one beneath a writing guest, by each strategy, with and without a file system that shares blocks.

const LOAD = { span: 2000, order: 'rand', perSecond: 200 } as const;

describe.each(['without reflinks', 'with reflinks'] as const)('%s', (kind) => {
  let product: Product;
  let xfs: XfsMount | null = null;

  beforeAll(async () => {
    xfs = kind === 'with reflinks' ? await mountXfs() : null;
    product = await Product.start(xfs ? { instancesDir: join(xfs.dir, 'instances') } : {});
  });
  afterAll(async () => {
    await product?.close();
    await xfs?.unmount();
  });

  it.each(['copy', 'in-place'] as const)(
    'merging by %s, the guest reads all its data, live and cold',
    async (strategy) => {
      await product.restartWorker('stop', { VARVE_MERGE_STRATEGY: strategy });
      const instance = await product.instance();
      const { guest } = instance;
      const merges: string[] = [];
      await guest.load(LOAD);
      const points = [];
      for (let n = 0; n < 4; n++) {
        const point = await instance.snapshotWell();
        points.push(point);
        merges.push(...point.operation.merges.map((merge) => merge.strategy));
        await instance.expectSealedState(point);
      }
      expect(merges.length).toBeGreaterThanOrEqual(2);
      expect(new Set(merges)).toEqual(new Set([strategy]));

      // Booted again, QEMU knows each layer by its true name, so that all can become one.
      await guest.stop();
      await guest.powerOff();
      expect(await guest.check()).toMatchObject({ good: true });
      await guest.boot();
      await guest.load(LOAD);
      await instance.snapshotWell();
      const last = await instance.snapshotWell();
      expect(last.operation.chainLength).toBe(2);
      await guest.stop();
      const [, , third] = points;
      if (third) await instance.goBackTo(third);
      await guest.dispose();
    },
  );
});
