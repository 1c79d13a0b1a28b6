import { InvalidArgumentError } from 'commander';

const MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * A moment as people write it: RFC 3339; a date and time of day here, as our tables show them; or how long ago
 * (`90s`, `15m`, `2h`, `3d`). A day alone is its beginning: from then on.
 *
 * @returns RFC 3339, UTC
 */
export const parseTime = (text: string, nowMs = Date.now()): string =>
  momentOf(text, nowMs, (clock = '00:00') => clock);

/**
 * The same for the last moment that counts, as in the page: the end of a day, and of a second, because our tables show
 * no less than seconds. What they show a point to be of must not lead to the point before.
 */
export const parseUntil = (text: string, nowMs = Date.now()): string =>
  momentOf(text, nowMs, (clock = '23:59:59') =>
    clock.includes('.') ? clock : `${clock}${clock.length === 5 ? ':00' : ''}.999`,
  );

function momentOf(text: string, nowMs: number, meant: (clock: string | undefined) => string): string {
  const ago = /^-?(\d+)([smhd])(?: ago)?$/.exec(text);
  if (ago) return new Date(nowMs - Number(ago[1]) * MS[ago[2] as keyof typeof MS]).toISOString();
  const moment = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?))?(Z|[+-]\d\d:\d\d)?$/i.exec(text);
  const [, day, clock, zone = ''] = moment ?? [];
  const date = new Date(`${day}T${meant(clock)}${zone.toUpperCase()}`);
  // A day that the month doesn't have would silently become one of the next month.
  const plain = new Date(`${day}T00:00:00Z`);
  if (
    !moment ||
    Number.isNaN(date.getTime()) ||
    Number.isNaN(plain.getTime()) ||
    !plain.toISOString().startsWith(day ?? '')
  ) {
    throw new InvalidArgumentError(
      'a time like 2026-11-22T12:00:00Z, "2026-11-22 12:00" (here), or 15m, 2h, 3d (ago).',
    );
  }
  return date.toISOString();
}
