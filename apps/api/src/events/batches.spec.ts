import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Batches } from './batches.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const SHORTEST_MS = 100;

function looking(): { looks: string[][]; batches: Batches; answer: () => Promise<void> } {
  const looks: string[][] = [];
  let answered: () => void = () => undefined;
  const batches = new Batches((ids) => {
    looks.push([...ids]);
    return new Promise((resolve) => (answered = resolve));
  }, SHORTEST_MS);
  const answer = async (): Promise<void> => {
    answered();
    await vi.advanceTimersByTimeAsync(0);
  };
  return { looks, batches, answer };
}

it('looks at once at the first change, and at all that follow together', async () => {
  const { looks, batches, answer } = looking();
  batches.changed('a');
  expect(looks).toEqual([['a']]);
  for (const id of ['b', 'a', 'b', 'c']) batches.changed(id);
  expect(looks).toHaveLength(1);
  await answer();
  await vi.advanceTimersByTimeAsync(SHORTEST_MS - 1);
  expect(looks).toHaveLength(1);
  batches.changed('d');
  expect(looks, 'not before its time').toHaveLength(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(looks).toEqual([['a'], ['b', 'a', 'c', 'd']]);
});

it('looks again at what changed during the look, for that may have come too late for it', async () => {
  const { looks, batches, answer } = looking();
  batches.changed('a');
  batches.changed('a');
  await answer();
  await vi.advanceTimersByTimeAsync(SHORTEST_MS);
  expect(looks).toEqual([['a'], ['a']]);
  await answer();
  await vi.advanceTimersByTimeAsync(10 * SHORTEST_MS);
  expect(looks).toHaveLength(2);
  batches.changed('a');
  expect(looks).toHaveLength(3);
});

it('looks at nothing more once it is stopped', async () => {
  const { looks, batches, answer } = looking();
  batches.changed('a');
  batches.changed('b');
  await answer();
  batches.stop();
  await vi.advanceTimersByTimeAsync(10 * SHORTEST_MS);
  expect(looks).toEqual([['a']]);
});
