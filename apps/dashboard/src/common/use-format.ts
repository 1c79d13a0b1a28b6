import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import * as format from './format.ts';

/** The formats of format.ts in the reader's language. */
export function useFormat() {
  const { language } = useTranslation().i18n;
  return useMemo(
    () => ({
      bytes: (count: number | null) => format.bytes(count, language),
      count: (value: number) => format.count(value, language),
      ago: (at: string, now: number) => format.ago(at, now, language),
      duration: (ms: number | null) => format.duration(ms, language),
      moment: (at: string) => format.moment(at, language),
      clock: (at: string) => format.clock(at, language),
    }),
    [language],
  );
}
