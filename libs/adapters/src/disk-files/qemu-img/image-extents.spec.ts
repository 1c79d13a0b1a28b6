import { describe, expect, it } from 'vitest';
import { DiskUnsupportedError } from '@varve/core';
import { covers, extentsOf } from './image-extents.js';
import type { MapEntry } from './image-extents.js';

const data = (start: number, length: number, offset?: number): MapEntry => ({
  start,
  length,
  present: true,
  zero: false,
  data: true,
  ...(offset === undefined ? {} : { offset }),
});
const zero = (start: number, length: number, offset?: number): MapEntry => ({
  ...data(start, length, offset),
  zero: true,
  data: false,
});
const hole = (start: number, length: number): MapEntry => ({ ...zero(start, length), present: false });

describe('extents of a layer', () => {
  it.each<[string, MapEntry[], [number, number, number][]]>([
    ['leave out what the layer does not define', [hole(0, 100), data(100, 50, 900), hole(150, 10)], [[100, 50, 900]]],
    ['give zeros no place in the file', [zero(0, 64), zero(64, 64, 700)], [[0, 128, -1]]],
    ['join neighbours that are neighbours in the file too', [data(0, 4, 96), data(4, 4, 100)], [[0, 8, 96]]],
    [
      'keep neighbours apart that are not',
      [data(0, 4, 96), data(4, 4, 200)],
      [
        [0, 4, 96],
        [4, 4, 200],
      ],
    ],
    [
      'keep equals apart that have a gap between them',
      [zero(0, 4), hole(4, 4), zero(8, 4)],
      [
        [0, 4, -1],
        [8, 4, -1],
      ],
    ],
    ['are none for an empty layer', [hole(0, 4_096)], []],
  ])('%s', (_, entries, extents) => {
    expect(extentsOf(entries)).toEqual(extents);
  });

  it('can not be told of compressed clusters', () => {
    expect(() => extentsOf([data(0, 65_536)])).toThrow(DiskUnsupportedError);
  });
});

describe('one layer covers another', () => {
  it.each<[string, boolean, [number, number, number][], [number, number, number][]]>([
    ['nothing is needed', true, [], []],
    ['the same', true, [[0, 10, 0]], [[0, 10, 5]]],
    [
      'more',
      true,
      [
        [0, 10, 0],
        [20, 10, 10],
      ],
      [[22, 3, 0]],
    ],
    [
      'pieces that touch',
      true,
      [
        [0, 10, 0],
        [10, 10, -1],
      ],
      [[5, 10, 0]],
    ],
    [
      'a gap',
      false,
      [
        [0, 10, 0],
        [12, 10, 10],
      ],
      [[5, 10, 0]],
    ],
    ['the end is missing', false, [[0, 10, 0]], [[5, 10, 0]]],
    ['the beginning is missing', false, [[5, 10, 0]], [[0, 10, 0]]],
    ['none', false, [], [[0, 1, 0]]],
    [
      'one run for several',
      true,
      [[0, 100, 0]],
      [
        [0, 10, 0],
        [50, 10, 0],
        [90, 10, 0],
      ],
    ],
  ])('%s: %s', (_, expected, extents, needed) => {
    expect(covers(extents, needed)).toBe(expected);
  });
});
