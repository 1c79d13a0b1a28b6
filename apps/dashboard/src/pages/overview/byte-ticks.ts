/** Round numbers in any unit of bytes. */
const ROUND = [1, 2, 5, 10, 20, 50, 100, 200, 512, 1024];

/** Marks of an axis of bytes, from 0 to the first that is not below `most`: some four, round in the unit that they are told in. */
export function byteTicks(most: number): number[] {
  const wanted = Math.max(1, most / 4);
  const unit = 1024 ** Math.floor(Math.log2(wanted) / 10);
  const step = unit * (ROUND.find((one) => one >= wanted / unit) ?? 1024);
  return Array.from({ length: Math.ceil(most / step) + 1 }, (_, n) => n * step);
}
