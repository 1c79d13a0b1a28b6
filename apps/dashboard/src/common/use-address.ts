import { useCallback } from 'react';
import { useLocation, useSearchParams } from 'react-router';
import { addressWith } from './address.ts';

export interface Address {
  readonly params: URLSearchParams;
  /** @param options - `replace`: not a step of its own on the way back, e.g. a letter of a word that is being typed */
  readonly change: (changes: Readonly<Record<string, string | null>>, options?: { replace?: boolean }) => void;
}

/** As it is, which may be ahead of what is shown: two choices in quick succession both count. */
const current = (): URLSearchParams => new URLSearchParams(location.search);

/** What is chosen on a page lies in its address: it can be sent to others, and the way back goes back through it. */
export function useAddress(): Address {
  const [params, setParams] = useSearchParams();
  const change = useCallback<Address['change']>(
    (changes, { replace = false } = {}) => setParams(addressWith(current(), changes), { replace }),
    [setParams],
  );
  return { params, change };
}

export interface Pages {
  /** Which page this is, from 1; `null`: one came here by a link into the middle. */
  readonly number: number | null;
  readonly back: (() => void) | null;
  readonly next: (() => void) | null;
}

/** Pages of a list by the markers that the API gives; those of the pages before are kept in the history's state. */
export function usePages(nextMarker: string | null): Pages {
  const [params, setParams] = useSearchParams();
  const { state } = useLocation() as { state: { before?: readonly string[] } | null };
  const marker = params.get('marker');
  const before = marker === null ? [] : state?.before;
  const go = (to: string | null, passed: readonly string[]): void => {
    setParams(addressWith(current(), { marker: to }), { state: { before: passed } });
    scrollTo({ top: 0 });
  };
  return {
    number: before ? before.length + 1 : null,
    back: marker === null ? null : () => go(before?.at(-1) ?? null, before?.slice(0, -1) ?? []),
    next: nextMarker ? () => go(nextMarker, [...(before ?? []), marker ?? '']) : null,
  };
}
