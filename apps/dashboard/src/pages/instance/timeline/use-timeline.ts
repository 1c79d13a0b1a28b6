import { keepPreviousData, useQuery } from '@tanstack/react-query';
import type { UseQueryResult } from '@tanstack/react-query';
import type { TimelineView } from '@varve/contracts';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useApi } from '../../../api/api.ts';
import { keys } from '../../../api/keys.ts';
import { useNow } from '../../../common/use-now.ts';
import type { Span } from './scale.ts';
import { asked, whole } from './scale.ts';

/** A gesture asks once, when it pauses. Milliseconds. */
const PAUSE_MS = 150;
/** So many pixels for each sign: more points than that come in groups, which would lie on top of each other. */
const APART_PX = 8;

export interface Timeline {
  readonly query: UseQueryResult<TimelineView>;
  readonly limits: Span;
  readonly span: Span;
  /** Whether that is all there is. */
  readonly whole: boolean;
  /** Changes at most once for each picture on the screen. */
  readonly change: (next: (span: Span, limits: Span) => Span) => void;
  readonly showAll: () => void;
}

/**
 * What is seen of the time line, and what is known of it: more is asked for as one goes closer.
 *
 * @param width - of the picture; pixels
 */
export function useTimeline(instanceId: string, width: number): Timeline {
  const api = useApi();
  const now = useNow(15_000);
  /** `null`: all of it, also as it grows. */
  const [chosen, setChosen] = useState<Span | null>(null);
  const window = usePaused(useMemo(() => (chosen === null ? null : asked(chosen)), [chosen]));
  // By the hundred pixels, so that a window that grows asks seldom.
  const points = Math.min(400, Math.max(40, Math.floor(Math.round(width / 100) * (100 / APART_PX))));
  const query = useQuery({
    queryKey: [...keys.timeline(instanceId), points, window?.from, window?.to],
    queryFn: ({ signal }) =>
      api.timeline(
        instanceId,
        {
          points,
          ...(window && { from: new Date(window.from).toISOString(), to: new Date(window.to).toISOString() }),
        },
        { signal },
      ),
    placeholderData: keepPreviousData,
  });
  const firstAt = query.data?.firstAt ?? null;
  const limits = useMemo(() => whole(firstAt === null ? null : Date.parse(firstAt), now), [firstAt, now]);
  const span = chosen ?? limits;

  const latest = useRef({ span, limits });
  useEffect(() => {
    latest.current = { span, limits };
  });
  const frame = useRef<number | null>(null);
  useEffect(() => () => cancelAnimationFrame(frame.current ?? 0), []);
  const change = useCallback((next: (span: Span, limits: Span) => Span) => {
    latest.current = { ...latest.current, span: next(latest.current.span, latest.current.limits) };
    frame.current ??= requestAnimationFrame(() => {
      frame.current = null;
      const { span: seen, limits: all } = latest.current;
      setChosen(seen.from <= all.from && seen.to >= all.to ? null : seen);
    });
  }, []);
  return { query, limits, span, whole: chosen === null, change, showAll: useCallback(() => setChosen(null), []) };
}

function usePaused(value: Span | null): Span | null {
  const [paused, setPaused] = useState(value);
  useEffect(() => {
    const timer = setTimeout(
      () => setPaused((last) => (last?.from === value?.from && last?.to === value?.to ? last : value)),
      PAUSE_MS,
    );
    return () => clearTimeout(timer);
  }, [value]);
  return paused;
}
