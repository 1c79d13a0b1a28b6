import { describe, expect, it } from 'vitest';
import { formatIn } from './format.ts';

const en = formatIn('en');
const NOW = Date.parse('2026-03-01T12:00:00Z');

describe('how things are written', () => {
  it.each([
    [null, '–'],
    [0, '0 B'],
    [1_023, '1,023 B'],
    [1_536, '1.50 KiB'],
    [15 * 1024 ** 2, '15.0 MiB'],
    [150 * 1024 ** 3, '150 GiB'],
    [3 * 1024 ** 6, '3,072 PiB'],
  ])('%s bytes: %s', (count, text) => {
    expect(en.bytes(count)).toBe(text);
  });

  it.each([
    [null, '–'],
    [1.53, '1.5 ms'],
    [999, '999 ms'],
    [12_300, '12 sec'],
    [89_999, '90 sec'],
    [90_000, '1.5 min'],
    [3 * 3_600_000, '3 hr'],
    [400 * 86_400_000, '400 days'],
  ])('%s ms: %s', (ms, text) => {
    expect(en.duration(ms)).toBe(text);
  });

  it.each([
    [0, 'now'],
    [59_999, '59 seconds ago'],
    [60_000, '1 minute ago'],
    [86_400_000, 'yesterday'],
    [400 * 86_400_000, 'last year'],
    [-5_000, 'now'],
  ])('%s ms ago: %s', (passed, text) => {
    expect(en.ago(new Date(NOW - passed).toISOString(), NOW)).toBe(text);
  });

  it('a step to the millisecond', () => {
    expect(en.clock('2026-03-01T12:00:00.042Z')).toMatch(/:00\.042$/);
  });

  it('in another language', () => {
    expect(formatIn('zh-CN').duration(90_000)).toBe('1.5分钟');
  });
});
