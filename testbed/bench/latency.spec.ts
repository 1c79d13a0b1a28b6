import { describe, expect, it } from 'vitest';
import { windowsIn, type Slice } from './latency.ts';

/** Slices of 100 ms from 0 on, each with its own number as the worst write. */
const slices = (count: number, worst: (index: number) => number): Slice[] =>
  Array.from({ length: count }, (_, index) => ({ from: index * 100 + 2, to: index * 100 + 100, maxMs: worst(index) }));

describe('the windows around a switch', () => {
  it('are 0.4 s long: the last before the request, the one that ends with the switch, and the next', () => {
    // Asked for at 450, so that slice 3 is the last one left alone; switched at 1010, in slice 10.
    expect(
      windowsIn(
        slices(20, (index) => index),
        450,
        1010,
      ),
    ).toEqual({ before: 3, with: 10, after: 14 });
  });

  it('a write that waited for the switch may be answered a little after it', () => {
    const late = slices(20, (index) => (index === 11 ? 90 : 1));
    expect(windowsIn(late, 450, 1095)).toEqual({ before: 1, with: 90, after: 1 });
    expect(windowsIn(late, 450, 1060)).toEqual({ before: 1, with: 1, after: 90 });
  });

  it('are not made of less than 0.4 s', () => {
    expect(() =>
      windowsIn(
        slices(20, () => 1),
        250,
        1010,
      ),
    ).toThrow(/long enough/);
    expect(() =>
      windowsIn(
        slices(12, () => 1),
        450,
        1010,
      ),
    ).toThrow(/long enough/);
    expect(() =>
      windowsIn(
        slices(12, () => 1),
        450,
        5000,
      ),
    ).toThrow(/long enough/);
  });
});
