/**
 * What was probably meant: the nearest of `known`, where any is near enough. Letters exchanged, left out, added or
 * mistaken count one each, capitals nothing.
 */
export function similarTo(typed: string, known: Iterable<string>): string[] {
  const most = Math.max(1, Math.min(3, Math.floor(typed.length * 0.4)));
  let nearest: string[] = [];
  let best = most;
  for (const one of new Set(known)) {
    if (Math.abs(one.length - typed.length) > best) continue;
    const distance = distanceBetween(typed.toLowerCase(), one.toLowerCase());
    if (distance > best || distance === Math.max(typed.length, one.length)) continue;
    nearest = distance < best ? [one] : [...nearest, one];
    best = distance;
  }
  return nearest.slice(0, 5);
}

/** Damerau and Levenshtein's, where no piece is changed twice. */
function distanceBetween(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const now = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      const options = [(last[j] ?? 0) + 1, (now[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + same];
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) options.push((before[j - 2] ?? 0) + 1);
      now.push(Math.min(...options));
    }
    [before, last] = [last, now];
  }
  return last[b.length] ?? 0;
}

/** `(Did you mean web-1 or web-2?)`, after a line break; empty where there is nothing to say. */
export const didYouMean = (names: readonly string[]): string =>
  names.length === 0 ? '' : `\n(Did you mean ${names.join(' or ')}?)`;
