// The few numbers that say what many say.

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  if (low === undefined || high === undefined) throw new Error('the median of nothing');
  return (low + high) / 2;
}

export function highest(values: readonly number[]): number {
  if (values.length === 0) throw new Error('the highest of nothing');
  return Math.max(...values);
}

/** To so many decimals: the rest is noise in a file that people compare. */
export const rounded = (value: number, decimals = 3): number => Number(value.toFixed(decimals));

export const MIB = 2 ** 20;
