import { expect, it } from 'vitest';
import type { Sample } from './time-left.ts';
import { sampled, timeLeft } from './time-left.ts';

const all = (...samples: readonly [atMs: number, doneBytes: number][]): readonly Sample[] =>
  samples.reduce<readonly Sample[]>((known, [at, doneBytes]) => sampled(known, { at, doneBytes }), []);

it('goes by the speed so far', () => {
  expect(timeLeft(all([0, 0], [2_000, 200]), 1_000)).toBe(8_000);
});

it('says nothing before there is a speed, nor without one', () => {
  expect(timeLeft(all(), 100)).toBeNull();
  expect(timeLeft(all([0, 0], [1_000, 50]), 100)).toBeNull();
  expect(timeLeft(all([0, 50], [9_000, 50]), 100)).toBeNull();
});

it('forgets what was long ago, and begins anew with another phase', () => {
  expect(timeLeft(all([0, 0], [1_000, 100_000], [30_000, 100_100], [40_000, 100_200]), 100_400)).toBe(20_000);
  expect(timeLeft(all([0, 0], [5_000, 500], [6_000, 0], [8_000, 20]), 100)).toBe(8_000);
});

it('has no time left over when more was done than was said', () => {
  expect(timeLeft(all([0, 0], [2_000, 120]), 100)).toBe(0);
});
