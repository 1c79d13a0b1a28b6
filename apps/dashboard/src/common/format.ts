const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** Three figures that matter, in binary units: `1.50 MiB`. */
export function bytes(count: number | null, language: string): string {
  if (count === null) return '–';
  const power = count < 1024 ? 0 : Math.min(Math.floor(Math.log2(count) / 10), UNITS.length - 1);
  const value = count / 1024 ** power;
  const digits = power === 0 ? 0 : value < 10 ? 2 : value < 100 ? 1 : 0;
  return `${new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value)} ${UNITS[power] ?? ''}`;
}

export const count = (value: number, language: string): string => new Intl.NumberFormat(language).format(value);

const SPANS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 365 * 86_400_000],
  ['month', 30 * 86_400_000],
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
];

/** `3 minutes ago`. Of a clock that is a little ahead of ours, nothing is said to be in the future. */
export function ago(at: string, now: number, language: string): string {
  const passed = Math.max(0, now - Date.parse(at));
  const [unit, ms] = SPANS.find(([, ms]) => passed >= ms) ?? ['second', 1_000];
  return new Intl.RelativeTimeFormat(language, { numeric: 'auto' }).format(-Math.floor(passed / ms), unit);
}

/** A length of time with one unit: `1.5 ms`, `12 s`, `3 min`. */
export function duration(ms: number | null, language: string): string {
  if (ms === null) return '–';
  const [unit, size]: [string, number] =
    ms < 1_000
      ? ['millisecond', 1]
      : ms < 90_000
        ? ['second', 1_000]
        : ms < 5_400_000
          ? ['minute', 60_000]
          : ms < 172_800_000
            ? ['hour', 3_600_000]
            : ['day', 86_400_000];
  const value = ms / size;
  return new Intl.NumberFormat(language, {
    style: 'unit',
    unit,
    unitDisplay: 'short',
    maximumFractionDigits: value < 10 ? 1 : 0,
  }).format(value);
}

/** Date and time to the second, where the reader is. */
export const moment = (at: string, language: string): string =>
  new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'medium' }).format(new Date(at));

/** The time of day to the millisecond, for steps that follow one another closely. */
export const clock = (at: string, language: string): string =>
  new Intl.DateTimeFormat(language, {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    fractionalSecondDigits: 3,
    hourCycle: 'h23',
  }).format(new Date(at));
