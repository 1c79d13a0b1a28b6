import { describe, expect, it } from 'vitest';
import {
  asked,
  between,
  DAY,
  HOUR,
  lengthOf,
  MINUTE,
  moved,
  NARROWEST,
  tickLabel,
  ticks,
  timeAt,
  whole,
  xOf,
  zoomed,
} from './scale.ts';

const YEARS = { from: new Date(2020, 0, 1).getTime(), to: new Date(2026, 0, 1).getTime() };
const MIDDLE = (YEARS.from + YEARS.to) / 2;

it('puts times on pixels and back', () => {
  expect(xOf(MIDDLE, YEARS, 800)).toBe(400);
  expect(timeAt(400, YEARS, 800)).toBe(MIDDLE);
});

describe('zooming', () => {
  it('keeps what is under the pointer where it is', () => {
    const at = timeAt(200, YEARS, 800);
    expect(xOf(at, zoomed(YEARS, 0.5, at, YEARS), 800)).toBeCloseTo(200);
  });

  it('goes from years to minutes, no further, and back out to all of it', () => {
    let span = YEARS;
    for (let i = 0; i < 60; i++) span = zoomed(span, 0.5, MIDDLE, YEARS);
    expect(lengthOf(span)).toBe(NARROWEST);
    for (let i = 0; i < 60; i++) span = zoomed(span, 2, MIDDLE, YEARS);
    expect(span).toEqual(YEARS);
  });

  it('to what was marked takes either direction and is never too narrow', () => {
    expect(between(MIDDLE + HOUR, MIDDLE, YEARS)).toEqual({ from: MIDDLE, to: MIDDLE + HOUR });
    expect(lengthOf(between(MIDDLE, MIDDLE, YEARS))).toBe(NARROWEST);
  });
});

it('does not move out of what there is', () => {
  const span = { from: YEARS.from, to: YEARS.from + DAY };
  expect(moved(span, -DAY, YEARS)).toEqual(span);
  expect(moved(span, 100 * 365 * DAY, YEARS).to).toBe(YEARS.to);
});

it('shows an instance of one fresh point, and of none', () => {
  const now = MIDDLE;
  for (const first of [null, now, now - 1]) {
    const span = whole(first, now);
    expect(lengthOf(span)).toBeGreaterThanOrEqual(2 * MINUTE);
    expect(span.to).toBeGreaterThan(now);
  }
});

it('asks for more than is seen, and for the same after a small move', () => {
  const span = { from: MIDDLE, to: MIDDLE + HOUR };
  const wide = asked(span);
  expect(wide.from).toBeLessThan(span.from);
  expect(wide.to).toBeGreaterThan(span.to);
  expect(lengthOf(wide)).toBeLessThan(2.2 * HOUR);
  const grid = 2 ** Math.floor(Math.log2(HOUR / 4));
  const aligned = { from: Math.ceil(MIDDLE / grid) * grid + 1, to: Math.ceil(MIDDLE / grid) * grid + HOUR };
  expect(asked({ from: aligned.from + 5, to: aligned.to + 5 })).toEqual(asked(aligned));
});

describe('ticks', () => {
  it.each([
    [YEARS, 'year'],
    [{ from: MIDDLE, to: MIDDLE + 200 * DAY }, 'month'],
    [{ from: MIDDLE, to: MIDDLE + 8 * DAY }, 'day'],
    [{ from: MIDDLE, to: MIDDLE + 20 * HOUR }, 'hour'],
    [{ from: MIDDLE, to: MIDDLE + HOUR }, 'minute'],
    [{ from: MIDDLE, to: MIDDLE + MINUTE }, 'second'],
  ] as const)('fit the span %#', (span, unit) => {
    const { step, at } = ticks(span, 900, 90);
    expect(step.unit).toBe(unit);
    expect(at.length).toBeGreaterThan(2);
    expect(at.length).toBeLessThanOrEqual(11);
    for (const one of at) {
      expect(one).toBeGreaterThanOrEqual(span.from);
      expect(one).toBeLessThanOrEqual(span.to);
    }
  });

  it('lie on round moments', () => {
    const noon = new Date(2026, 5, 15, 12, 7).getTime();
    const { step, at } = ticks({ from: noon, to: noon + 5 * HOUR }, 900, 90);
    expect(at.map((one) => new Date(one).getMinutes() % 30)).toEqual(at.map(() => 0));
    expect(tickLabel(new Date(2026, 5, 15, 12, 30).getTime(), step, 'en')).toBe('12:30');
    expect(tickLabel(new Date(2026, 5, 15).getTime(), step, 'en')).toBe('Jun 15');
  });
});
