import { useEffect, useRef } from 'react';
import type { Mark } from './marks.ts';
import { lengthOf, moved, zoomed } from './scale.ts';
import type { Timeline } from './use-timeline.ts';

interface Keyed {
  readonly seen: Timeline;
  readonly marks: readonly Mark[];
  /** Whether `marks` are those of what is seen. */
  readonly settled: boolean;
  readonly current: Mark | null;
  readonly choose: (mark: Mark | null) => void;
  readonly enter: (mark: Mark) => void;
}

/** Of what is seen, so much is passed by where there is no sign to go to. */
const LEAP = 0.5;

/** Arrows from sign to sign, Home and End to the first and the last, + and - closer and further, Enter. */
export function useKeys({ seen, marks, settled, current, choose, enter }: Keyed): (event: React.KeyboardEvent) => void {
  const { change } = seen;
  /** What is to be gone to once it is known. */
  const pending = useRef<'first' | 'last' | null>(null);
  useEffect(() => {
    if (pending.current === null || !settled) return;
    const edge = pending.current === 'first' ? marks[0] : marks.at(-1);
    pending.current = null;
    if (edge) choose(edge);
  }, [marks, settled, choose]);

  const show = (mark: Mark): void => {
    choose(mark);
    change((now, all) =>
      mark.at >= now.from && mark.at <= now.to ? now : moved(now, mark.at - (now.from + now.to) / 2, all),
    );
  };
  const step = (by: 1 | -1): void => {
    const index = current ? marks.findIndex(({ key }) => key === current.key) : -1;
    // Known no longer, e.g. since groups became points: from its time on.
    const from = current && index < 0 ? current.at : null;
    const next =
      from === null
        ? marks[index < 0 ? marks.length - 1 : index + by]
        : by > 0
          ? marks.find(({ at }) => at > from)
          : marks.findLast(({ at }) => at < from);
    if (next) show(next);
    else change((now, all) => moved(now, by * LEAP * lengthOf(now), all));
  };
  const leap = (edge: 'first' | 'last'): void => {
    const { firstAt, lastAt } = seen.query.data ?? {};
    const at = edge === 'first' ? firstAt : lastAt;
    if (at == null) return;
    const known = edge === 'first' ? marks[0] : marks.at(-1);
    if (seen.whole && known) {
      choose(known);
      return;
    }
    pending.current = edge;
    change((now, all) => moved(now, Date.parse(at) - (now.from + now.to) / 2, all));
  };

  const acts: Readonly<Record<string, () => void>> = {
    ArrowRight: () => step(1),
    ArrowLeft: () => step(-1),
    ArrowUp: () => step(1),
    ArrowDown: () => step(-1),
    Home: () => leap('first'),
    End: () => leap('last'),
    '+': () => change((now, all) => zoomed(now, 0.5, current?.at ?? (now.from + now.to) / 2, all)),
    '=': () => change((now, all) => zoomed(now, 0.5, current?.at ?? (now.from + now.to) / 2, all)),
    '-': () => change((now, all) => zoomed(now, 2, current?.at ?? (now.from + now.to) / 2, all)),
    Enter: () => current && enter(current),
    ' ': () => current && enter(current),
  };
  return (event) => {
    const act = event.ctrlKey || event.metaKey || event.altKey ? undefined : acts[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  };
}
