import { expect, it } from 'vitest';
import { parseTime, parseUntil } from '../parse-time.js';
import { duration, size, time } from './human.js';
import { table, widthOf } from './table.js';

it.each([
  [null, '-'],
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [1_048_575, '1.0 MiB'],
  [12_582_912, '12.0 MiB'],
  [5 * 1024 ** 4, '5.0 TiB'],
  [5000 * 1024 ** 5, '5000.0 PiB'],
])('%d bytes are %s', (bytes, text) => expect(size(bytes)).toBe(text));

it.each([
  [null, '-'],
  [0, '0 ms'],
  [1.84, '1.8 ms'],
  [999, '999 ms'],
  [2345, '2.3 s'],
  [59_499, '59 s'],
  [59_700, '1 min'],
  [185_000, '3 min 5 s'],
  [3_600_000, '1 h'],
  [7_800_000, '2 h 10 min'],
  [356_400_000, '4 d 3 h'],
])('%d milliseconds are %s', (ms, text) => expect(duration(ms)).toBe(text));

const NOW = Date.parse('2026-11-22T12:00:00Z');
it.each([
  ['2026-11-22T12:00:00Z', '2026-11-22T12:00:00.000Z'],
  ['2026-11-22T12:00:00.5+01:00', '2026-11-22T11:00:00.500Z'],
  ['2026-11-22 12:00z', '2026-11-22T12:00:00.000Z'],
  ['90s', '2026-11-22T11:58:30.000Z'],
  ['15m', '2026-11-22T11:45:00.000Z'],
  ['2h ago', '2026-11-22T10:00:00.000Z'],
  ['-3d', '2026-11-19T12:00:00.000Z'],
])('%s is %s', (text, expected) => expect(parseTime(text, NOW)).toBe(expected));

it('takes a time as the tables show it, which leave out the milliseconds', () => {
  const at = '2026-07-01T10:20:30.321Z';
  expect(parseTime(time(at)) <= at).toBe(true);
  expect(parseUntil(time(at)) >= at).toBe(true);
  expect(parseUntil(at)).toBe(at);
});

it.each([
  ['2026-07-01', new Date(2026, 6, 1), new Date(2026, 6, 1, 23, 59, 59, 999)],
  ['2026-07-01Z', new Date('2026-07-01T00:00:00Z'), new Date('2026-07-01T23:59:59.999Z')],
  ['2026-07-01 12:00', new Date(2026, 6, 1, 12), new Date(2026, 6, 1, 12, 0, 0, 999)],
  ['2026-07-01T12:00:01Z', new Date('2026-07-01T12:00:01Z'), new Date('2026-07-01T12:00:01.999Z')],
  ['1h', new Date('2026-11-22T11:00:00Z'), new Date('2026-11-22T11:00:00Z')],
])('from %s on, and until it: a day alone is whole', (text, from, until) => {
  expect([parseTime(text, NOW), parseUntil(text, NOW)]).toEqual([from.toISOString(), until.toISOString()]);
});

it.each(['', 'yesterday', '15', '2026-02-30', '2026-13-01', '2026-11-22T25:00:00Z', '22.11.2026'])(
  'does not guess what "%s" means',
  (text) => expect(() => parseTime(text, NOW)).toThrow('a time like'),
);

it('aligns what takes two columns, or none', () => {
  expect([widthOf('abc'), widthOf('日本'), widthOf('e\u0301'), widthOf('🙂')]).toEqual([3, 4, 1, 2]);
  const columns = [
    { title: 'N', value: ({ name }: { name: string }) => name },
    { title: 'X', value: () => '1', right: true },
    { title: '', value: () => '' },
  ];
  expect(table(columns, [{ name: '日本' }, { name: 'ab' }])).toBe('N     X\n日本  1\nab    1\n');
  expect(table(columns, [])).toBe('N  X\n');
});
