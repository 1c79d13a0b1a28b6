// A time as people type it. All but those with a zone are in the reader's own.

const DAY_MS = 86_400_000;

/** `2026-11-23`, `2026-11-23 04:05`, `2026/11/23 4:05:06`, `2026-11-23T04:05:06.789Z`, `… +02:00` */
const ABSOLUTE =
  /^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T\s]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,3})\d*)?)?\s*(z|[+-]\d{2}:?\d{2})?)?$/i;
/** `04:05`, `today 4:05`, `昨天 04:05`, `yesterday` */
const OF_A_DAY = /^(?:(today|yesterday|今天|昨天)\s*)?(?:(\d{1,2}):(\d{2})(?::(\d{2}))?)?$/i;
/** `90 min ago`, `2 days ago`, `-3h`, `3小时前` */
const BEFORE = /^(-)?\s*(\d+(?:\.\d+)?)\s*([a-z]+|秒|分钟?|小时|天|周)\s*(ago|前)?$/i;

const UNIT_MS: readonly [RegExp, number][] = [
  [/^(s|secs?|seconds?|秒)$/i, 1_000],
  [/^(m|mins?|minutes?|分钟?)$/i, 60_000],
  [/^(h|hrs?|hours?|小时)$/i, 3_600_000],
  [/^(d|days?|天)$/i, DAY_MS],
  [/^(w|weeks?|周)$/i, 7 * DAY_MS],
];

/**
 * @param now - milliseconds
 * @returns the moment; of a day without a time and of a second, as points are shown, the last one, so that what is shown
 *   leads there; `null`: that is no time
 */
export function typedTime(text: string, now: number): Date | null {
  const typed = text.trim();
  if (typed === '') return null;
  return absolute(typed) ?? ofADay(typed, now) ?? before(typed, now);
}

function absolute(text: string): Date | null {
  const [whole, year, month, day, hour, minute, second = '0', fraction = '999', zone] = ABSOLUTE.exec(text) ?? [];
  if (whole === undefined) return null;
  const date = [Number(year), Number(month), Number(day)] as const;
  if (hour === undefined) return at(date, [23, 59, 59, 999]);
  return at(date, [Number(hour), Number(minute), Number(second), Number(fraction.padEnd(3, '0'))], zone);
}

function ofADay(text: string, now: number): Date | null {
  const [whole, day, hour, minute, second = '0'] = OF_A_DAY.exec(text) ?? [];
  if (whole === undefined) return null;
  const today = new Date(now);
  const on = (back: number, time: Time): Date | null =>
    at([today.getFullYear(), today.getMonth() + 1, today.getDate() - back], time, undefined, true);
  const back = day && /^(yesterday|昨天)$/i.test(day) ? 1 : 0;
  if (hour === undefined) return on(back, [23, 59, 59, 999]);
  const time: Time = [Number(hour), Number(minute), Number(second), 999];
  const found = on(back, time);
  // A time of day that is still to come was meant for the day before.
  return found && !day && found.getTime() - 999 > now ? on(1, time) : found;
}

function before(text: string, now: number): Date | null {
  const [whole, minus, amount, unit = '', ago] = BEFORE.exec(text) ?? [];
  if (whole === undefined || (minus === undefined && ago === undefined)) return null;
  const ms = UNIT_MS.find(([names]) => names.test(unit))?.[1];
  const found = ms === undefined ? null : new Date(now - Number(amount) * ms);
  return found && Number.isFinite(found.getTime()) ? found : null;
}

type Time = readonly [hour: number, minute: number, second: number, ms: number];

/** @returns `null` for what no calendar or clock has, such as February 30 or 25:00 */
function at(
  [year, month, day]: readonly [number, number, number],
  [hour, minute, second, ms]: Time,
  zone?: string,
  wraps = false,
): Date | null {
  if (hour > 23 || minute > 59 || second > 59) return null;
  const utc = new Date(Date.UTC(year, month - 1, day, hour, minute, second, ms));
  if (!wraps && (utc.getUTCMonth() !== month - 1 || utc.getUTCDate() !== day)) return null;
  return zone === undefined
    ? new Date(year, month - 1, day, hour, minute, second, ms)
    : new Date(utc.getTime() - offsetMs(zone));
}

function offsetMs(zone: string): number {
  if (/^z$/i.test(zone)) return 0;
  const [hours, minutes] = [Number(zone.slice(1, 3)), Number(zone.slice(-2))];
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}
