import { expect, it } from 'vitest';
import { typedTime } from './typed-time.ts';

const NOW = new Date(2026, 10, 23, 12, 0).getTime();
const local = (...parts: [number, number, number, number?, number?, number?, number?]): string => {
  const [year, month, day, hour = 0, minute = 0, second = 0, ms = 0] = parts;
  return new Date(year, month - 1, day, hour, minute, second, ms).toISOString();
};

it.each([
  ['2026-11-23 04:05', local(2026, 11, 23, 4, 5, 0, 999)],
  ['  2026/11/3 4:05:06 ', local(2026, 11, 3, 4, 5, 6, 999)],
  ['2026-11-23T04:05:06.7Z', '2026-11-23T04:05:06.700Z'],
  ['2026-11-23 04:05 +02:00', '2026-11-23T02:05:00.999Z'],
  ['2026-11-23T04:05-0330', '2026-11-23T07:35:00.999Z'],
  ['2026-11-23', local(2026, 11, 23, 23, 59, 59, 999)],
  ['04:05', local(2026, 11, 23, 4, 5, 0, 999)],
  ['today 9:30', local(2026, 11, 23, 9, 30, 0, 999)],
  ['yesterday', local(2026, 11, 22, 23, 59, 59, 999)],
  ['昨天 04:05', local(2026, 11, 22, 4, 5, 0, 999)],
  ['90 min ago', local(2026, 11, 23, 10, 30)],
  ['-3h', local(2026, 11, 23, 9)],
  ['2 days ago', local(2026, 11, 21, 12)],
  ['3小时前', local(2026, 11, 23, 9)],
])('reads %s', (text, expected) => {
  expect(typedTime(text, NOW)?.toISOString()).toBe(expected);
});

it('takes a time of day that is still to come for the one of yesterday', () => {
  expect(typedTime('23:30', NOW)?.toISOString()).toBe(local(2026, 11, 22, 23, 30, 0, 999));
});

it('takes the second that it is for one that has come', () => {
  expect(typedTime('12:00:00', NOW)?.toISOString()).toBe(local(2026, 11, 23, 12, 0, 0, 999));
});

it.each([
  '',
  'soon',
  '2026-02-30',
  '2026-13-01',
  '2026-11-23 25:00',
  '2026-11-23 04:61',
  '3',
  '3 h',
  '12 apples ago',
  '24:00',
])('takes %j for no time', (text) => {
  expect(typedTime(text, NOW)).toBeNull();
});
