import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { inOrder } from './in-order.js';

async function all<T>(results: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const result of results) found.push(result);
  return found;
}

/** Work that is under way until it is ended by hand. */
function works() {
  const begun: { item: number; end: (error?: Error) => void }[] = [];
  const work = (item: number): Promise<number> =>
    new Promise((resolve, reject) => {
      begun.push({ item, end: (error) => (error ? reject(error) : resolve(10 * item)) });
    });
  return { begun, work };
}

describe('inOrder', () => {
  it('gives the results in the order of the items, whichever is ready first', async () => {
    const slowFirst = inOrder([30, 1, 10], 3, async (ms) => {
      await sleep(ms);
      return ms;
    });
    expect(await all(slowFirst)).toEqual([30, 1, 10]);
  });

  it('has so many under way beside the one that is waited for, and no more', async () => {
    const { begun, work } = works();
    const results = all(inOrder([1, 2, 3, 4, 5], 2, work));
    await expect.poll(() => begun.length).toBe(3);
    begun[1]!.end();
    begun[2]!.end();
    await sleep(5);
    expect(begun).toHaveLength(3);
    begun[0]!.end();
    await expect.poll(() => begun.length).toBe(5);
    for (const { end } of begun) end();
    expect(await results).toEqual([10, 20, 30, 40, 50]);
  });

  it('takes its items from what has them later', async () => {
    async function* items(): AsyncGenerator<number> {
      for (const item of [1, 2, 3]) {
        await sleep(1);
        yield item;
      }
    }
    expect(await all(inOrder(items(), 2, async (item) => -item))).toEqual([-1, -2, -3]);
  });

  it('throws the first error in order, asks for no more items, and waits for what is under way', async () => {
    const { begun, work } = works();
    let returned = false;
    function* items(): Generator<number> {
      try {
        for (let item = 1; ; item++) yield item;
      } finally {
        returned = true;
      }
    }
    let isOver = false;
    const outcome = all(inOrder(items(), 2, work))
      .then(String, (error: Error) => error.message)
      .finally(() => (isOver = true));
    await expect.poll(() => begun.length).toBe(3);
    begun[0]!.end(new Error('of the first'));
    begun[1]!.end(new Error('of the second'));
    await expect.poll(() => returned).toBe(true);
    await sleep(5);
    expect(isOver).toBe(false);
    begun[2]!.end();
    expect(await outcome).toBe('of the first');
    expect(begun).toHaveLength(3);
  });
});
