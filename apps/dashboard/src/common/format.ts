const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

const SPANS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 365 * 86_400_000],
  ['month', 30 * 86_400_000],
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
];

/** Shown with a unit as long as it is shorter than that. Milliseconds. */
const LENGTHS = [
  ['millisecond', 1, 1_000],
  ['second', 1_000, 90_000],
  ['minute', 60_000, 5_400_000],
  ['hour', 3_600_000, 172_800_000],
  ['day', 86_400_000, Infinity],
] as const;

/** How things are written in a language. The browser's own formatters take longer to make than to use: they are kept. */
function formatOf(language: string) {
  const fixed = [0, 1, 2].map(
    (digits) => new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits }),
  );
  const whole = new Intl.NumberFormat(language);
  const relative = new Intl.RelativeTimeFormat(language, { numeric: 'auto' });
  const lengths = LENGTHS.map(([unit, size, below]) => {
    const withDigits = (digits: number): Intl.NumberFormat =>
      new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'short', maximumFractionDigits: digits });
    return { size, below, short: withDigits(1), long: withDigits(0) };
  });
  const dateAndTime = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'medium' });
  const timeOfDay = new Intl.DateTimeFormat(language, {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    fractionalSecondDigits: 3,
    hourCycle: 'h23',
  });

  return {
    /** Three figures that matter, in binary units: `1.50 MiB`. */
    bytes(count: number | null): string {
      if (count === null) return '–';
      const power = count < 1024 ? 0 : Math.min(Math.floor(Math.log2(count) / 10), UNITS.length - 1);
      const value = count / 1024 ** power;
      const digits = power === 0 ? 0 : value < 10 ? 2 : value < 100 ? 1 : 0;
      return `${fixed[digits]?.format(value)} ${UNITS[power]}`;
    },

    count: (value: number): string => whole.format(value),

    /** `3 minutes ago`. Of a clock that is a little ahead of ours, nothing is said to be in the future. */
    ago(at: string, now: number): string {
      const passed = Math.max(0, now - Date.parse(at));
      const [unit, ms] = SPANS.find(([, ms]) => passed >= ms) ?? ['second', 1_000];
      return relative.format(-Math.floor(passed / ms), unit);
    },

    /** A length of time with one unit: `1.5 ms`, `12 s`, `3 min`. */
    duration(ms: number | null): string {
      const length = lengths.find(({ below }) => ms !== null && ms < below);
      if (ms === null || !length) return '–';
      const value = ms / length.size;
      return (value < 10 ? length.short : length.long).format(value);
    },

    /** Date and time to the second, where the reader is. */
    moment: (at: string): string => dateAndTime.format(new Date(at)),

    /** The time of day to the millisecond, for steps that follow one another closely. */
    clock: (at: string): string => timeOfDay.format(new Date(at)),
  };
}

const made = new Map<string, ReturnType<typeof formatOf>>();

/** The same each time for the same language. */
export function formatIn(language: string): ReturnType<typeof formatOf> {
  const known = made.get(language) ?? formatOf(language);
  made.set(language, known);
  return known;
}
