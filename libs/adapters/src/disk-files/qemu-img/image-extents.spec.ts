import { describe, expect, it } from 'vitest';
import { DiskUnsupportedError } from '@varve/core';
import { extentsOf } from './image-extents.js';
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
