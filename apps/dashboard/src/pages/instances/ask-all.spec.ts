import { expect, it } from 'vitest';
import type { Outcome } from './ask-all.ts';
import { askAll } from './ask-all.ts';

const ids = Array.from({ length: 10 }, (_, i) => `i${i}`);

it('asks for each, a few at a time, and tells what became of each', async () => {
  const outcomes = new Map<string, Outcome>();
  let [now, most] = [0, 0];
  await askAll(
    ids,
    async (id) => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setImmediate(resolve));
      now--;
      if (id === 'i3') throw new Error('busy');
      return { operationId: `o-${id}` };
    },
    (id, outcome) => outcomes.set(id, outcome),
    new AbortController().signal,
  );
  expect(most).toBe(3);
  expect(outcomes.get('i3')).toMatchObject({ is: 'refused', error: { message: 'busy' } });
  expect([...outcomes].filter(([, { is }]) => is === 'accepted')).toHaveLength(9);
  expect(outcomes.get('i9')).toEqual({ is: 'accepted', operationId: 'o-i9' });
});

it('begins no more once it is stopped, and hears out what is under way', async () => {
  const outcomes = new Map<string, Outcome>();
  const stop = new AbortController();
  await askAll(
    ids,
    async (id) => {
      await new Promise((resolve) => setImmediate(resolve));
      stop.abort();
      return { operationId: id };
    },
    (id, outcome) => outcomes.set(id, outcome),
    stop.signal,
  );
  expect([...outcomes.values()].map(({ is }) => is)).toEqual([
    ...Array.from({ length: 3 }, () => 'accepted'),
    ...Array.from({ length: 7 }, () => 'stopped'),
  ]);
});
