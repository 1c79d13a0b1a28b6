// A span of time on so many pixels. All times in milliseconds.

export interface Span {
  readonly from: number;
  readonly to: number;
}

const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** Nothing happens twice within this. */
export const NARROWEST = MINUTE;

export const lengthOf = ({ from, to }: Span): number => to - from;
export const xOf = (at: number, span: Span, width: number): number => ((at - span.from) / lengthOf(span)) * width;
export const timeAt = (x: number, span: Span, width: number): number => span.from + (x / width) * lengthOf(span);

/** All of an instance's points and now, with a little around them. */
export function whole(firstAt: number | null, now: number): Span {
  const first = Math.min(firstAt ?? now - HOUR, now - 2 * MINUTE);
  const around = (now - first) * 0.04;
  return { from: first - around, to: now + around };
}

/** @param factor - 0.5: half of it is seen; `at` stays where it is on the screen */
export function zoomed(span: Span, factor: number, at: number, limits: Span): Span {
  const length = Math.min(Math.max(lengthOf(span) * factor, NARROWEST), lengthOf(limits));
  const share = (at - span.from) / lengthOf(span);
  return within({ from: at - share * length, to: at + (1 - share) * length }, limits);
}

export const moved = (span: Span, by: number, limits: Span): Span =>
  within({ from: span.from + by, to: span.to + by }, limits);

/** As long as it is, shifted to lie inside; no longer than the limits. */
export function within(span: Span, limits: Span): Span {
  const length = Math.min(lengthOf(span), lengthOf(limits));
  const from = Math.min(Math.max(span.from, limits.from), limits.to - length);
  return { from, to: from + length };
}

/** Between two moments, in whatever order; not narrower than makes sense. */
export function between(one: number, other: number, limits: Span): Span {
  const [from, to] = [Math.min(one, other), Math.max(one, other)];
  const missing = Math.max(0, NARROWEST - (to - from)) / 2;
  return within({ from: from - missing, to: to + missing }, limits);
}

/** What is asked for of the API: a little more on both sides, on a grid, so that small moves ask for nothing. */
export function asked(span: Span): Span {
  const grid = 2 ** Math.floor(Math.log2(lengthOf(span) / 4));
  return { from: (Math.floor(span.from / grid) - 1) * grid, to: (Math.ceil(span.to / grid) + 1) * grid };
}

export interface Step {
  readonly unit: 'second' | 'minute' | 'hour' | 'day' | 'month' | 'year';
  readonly count: number;
}

const STEPS: readonly (Step & { readonly ms: number })[] = [
  ...[1, 5, 15, 30].map((count) => ({ unit: 'second' as const, count, ms: count * SECOND })),
  ...[1, 5, 15, 30].map((count) => ({ unit: 'minute' as const, count, ms: count * MINUTE })),
  ...[1, 3, 6, 12].map((count) => ({ unit: 'hour' as const, count, ms: count * HOUR })),
  ...[1, 2, 7].map((count) => ({ unit: 'day' as const, count, ms: count * DAY })),
  ...[1, 3, 6].map((count) => ({ unit: 'month' as const, count, ms: count * 30 * DAY })),
  ...[1, 2, 5, 10, 50].map((count) => ({ unit: 'year' as const, count, ms: count * 365 * DAY })),
];

/** Round moments of the reader's own calendar and clock, at least so many pixels apart. */
export function ticks(
  span: Span,
  width: number,
  apartPx: number,
): { readonly step: Step; readonly at: readonly number[] } {
  const least = (lengthOf(span) * apartPx) / Math.max(width, 1);
  const step = STEPS.find(({ ms }) => ms >= least) ?? { unit: 'year' as const, count: 100, ms: Infinity };
  const at: number[] = [];
  for (let next = firstTick(span.from, step); next <= span.to; next = after(next, step)) {
    if (next >= span.from) at.push(next);
  }
  return { step: { unit: step.unit, count: step.count }, at };
}

function firstTick(from: number, { unit, count, ms }: Step & { ms: number }): number {
  const date = new Date(from);
  const [year, month] = [date.getFullYear(), date.getMonth()];
  switch (unit) {
    case 'year':
      return new Date(year - (year % count), 0).getTime();
    case 'month':
      return new Date(year, month - (month % count)).getTime();
    case 'day':
      return new Date(year, month, count === 7 ? date.getDate() - date.getDay() : date.getDate()).getTime();
    case 'hour':
    case 'minute':
    case 'second': {
      const midnight = new Date(year, month, date.getDate()).getTime();
      return midnight + Math.ceil((from - midnight) / ms) * ms;
    }
  }
}

function after(at: number, { unit, count }: Step): number {
  const date = new Date(at);
  switch (unit) {
    case 'year':
      return new Date(date.getFullYear() + count, 0).getTime();
    case 'month':
      return new Date(date.getFullYear(), date.getMonth() + count).getTime();
    case 'day':
      return new Date(date.getFullYear(), date.getMonth(), date.getDate() + count).getTime();
    case 'hour':
      return at + count * HOUR;
    case 'minute':
      return at + count * MINUTE;
    case 'second':
      return at + count * SECOND;
  }
}

/** A tick's words: no more of the date than the step needs, but the day where a new one begins. */
export function tickLabel(at: number, { unit }: Step, language: string): string {
  const date = new Date(at);
  const say = (options: Intl.DateTimeFormatOptions): string => formatOf(language, options).format(date);
  switch (unit) {
    case 'year':
      return say({ year: 'numeric' });
    case 'month':
      return say({ year: 'numeric', month: 'short' });
    case 'day':
      return say({ month: 'short', day: 'numeric' });
    case 'hour':
    case 'minute':
      return date.getHours() === 0 && date.getMinutes() === 0
        ? say({ month: 'short', day: 'numeric' })
        : say({ hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
    case 'second':
      return say({ hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
  }
}

const formats = new Map<string, Intl.DateTimeFormat>();
/** Making one takes longer than using it a hundred times. */
function formatOf(language: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${language} ${Object.entries(options).join()}`;
  const known = formats.get(key) ?? new Intl.DateTimeFormat(language, options);
  formats.set(key, known);
  return known;
}
