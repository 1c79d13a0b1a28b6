/** How much was done when. */
export interface Sample {
  readonly at: number;
  readonly doneBytes: number;
}

/** The speed is that of the last so many milliseconds: a store that became slow shows, one late message does not. */
const WINDOW_MS = 20_000;
/** From less than this, nothing can be said yet. */
const ENOUGH_MS = 1_500;

/** With one more sample, without those that are too old to count; another phase or another try begins anew. */
export function sampled(samples: readonly Sample[], next: Sample): readonly Sample[] {
  const last = samples.at(-1);
  if (last && next.doneBytes < last.doneBytes) return [next];
  if (last?.doneBytes === next.doneBytes) return samples;
  const young = samples.filter(({ at }) => at >= next.at - WINDOW_MS);
  // What says little has a speed too: from the last time it did.
  return [...(young.length > 0 ? young : samples.slice(-1)), next];
}

/** Until `totalBytes`, at the speed of late; `null`: not to be said. Milliseconds. */
export function timeLeft(samples: readonly Sample[], totalBytes: number): number | null {
  const [first, last] = [samples[0], samples.at(-1)];
  if (!first || !last || last.at - first.at < ENOUGH_MS) return null;
  const perMs = (last.doneBytes - first.doneBytes) / (last.at - first.at);
  return perMs > 0 ? Math.max(0, totalBytes - last.doneBytes) / perMs : null;
}
