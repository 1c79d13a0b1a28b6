import { useQueryClient } from '@tanstack/react-query';
import type { QueryClient } from '@tanstack/react-query';
import type { LiveEvent } from '@varve/api-client';
import { ApiError, isFinished } from '@varve/api-client';
import { Alert } from 'antd';
import { createContext, use, useCallback, useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import { useTranslation } from 'react-i18next';
import { useSession } from '../session/session.tsx';
import { ProblemAlert } from '../common/problem-alert.tsx';
import { useFormat } from '../common/use-format.ts';
import { codeOf } from '../i18n/service.ts';
import { useApi } from './api.ts';
import { keys } from './keys.ts';
import { Paced } from './paced.ts';

/** Since when nothing is heard from the API; an error: it has refused, and nothing will be heard; `null`: all is well. */
type Silence = { readonly since: string } | { readonly refusal: Error } | null;
const SilenceContext = createContext<Silence>(null);

/** Whether the connection is lost, which is said above each page and need not be said again. */
export const useAway = (): boolean => {
  const silence = use(SilenceContext);
  return silence !== null && 'since' in silence;
};

/** Lists are asked for again at most this often, however much happens. Milliseconds. */
const LISTS_EVERY_MS = 2_000;

/** Keeps what is on the screen true while the API tells of changes, and says when it can't. */
export function LiveProvider({ children }: { children: React.ReactNode }) {
  const api = useApi();
  const queries = useQueryClient();
  const [silence, setSilence] = useState<Silence>(null);
  const { leave } = useSession();
  const lists = useMemo(
    () => new Paced(LISTS_EVERY_MS, (key) => void queries.invalidateQueries({ queryKey: JSON.parse(key) as string[] })),
    [queries],
  );

  useEffect(() => {
    let first = true;
    let stop = new AbortController();
    const follow = async ({ signal }: AbortController): Promise<void> => {
      for await (const event of api.events({}, { signal })) {
        if (event.type === 'away') setSilence({ since: new Date().toISOString() });
        else if (event.type === 'open') {
          setSilence(null);
          // What happened while nobody listened is not told again.
          if (!first) void queries.invalidateQueries();
          first = false;
        } else take(event, queries, lists);
      }
    };
    // A browser has six connections to one origin, for all its tabs together: those that nobody looks at need none.
    const followWhereSeen = (): void => {
      stop.abort();
      if (document.hidden) return;
      const mine = (stop = new AbortController());
      follow(mine).catch((error: unknown) => {
        if (mine.signal.aborted) return;
        if (error instanceof ApiError && error.status === 401) leave('expired');
        else setSilence({ refusal: error instanceof Error ? error : new Error(String(error)) });
      });
    };
    followWhereSeen();
    document.addEventListener('visibilitychange', followWhereSeen);
    return () => {
      document.removeEventListener('visibilitychange', followWhereSeen);
      stop.abort();
      lists.clear();
    };
  }, [api, queries, lists, leave]);

  return <SilenceContext value={silence}>{children}</SilenceContext>;
}

function take(event: LiveEvent, queries: QueryClient, lists: Paced): void {
  const again = (...all: (readonly string[])[]): void => all.forEach((key) => lists.ask(JSON.stringify(key)));
  switch (event.type) {
    case 'operation': {
      const operation = event.data;
      queries.setQueryData(keys.operation(operation.id), operation);
      again(keys.operations, keys.steps(operation.id));
      // Which one runs is part of the instance; what it made is known at its end.
      if (isFinished(operation)) again(keys.instance(operation.instanceId), keys.instances, keys.overview);
      return;
    }
    case 'chain':
      queries.setQueryData(keys.chain(event.data.instanceId), event.data);
      return;
    case 'instance':
      again(keys.instance(event.data.id), keys.instances, keys.overview);
      return;
    case 'open':
    case 'away':
      return;
  }
}

/** Whether the page itself shows a refusal for the same reason, in its own words. */
function useSaidByPage(silence: Silence): boolean {
  const cache = useQueryClient().getQueryCache();
  const isRefused = (): boolean =>
    silence !== null &&
    'refusal' in silence &&
    cache
      .findAll({ type: 'active' })
      .some(({ state: { error } }) => error && codeOf(error) === codeOf(silence.refusal));
  return useSyncExternalStore(
    useCallback((changed) => cache.subscribe(changed), [cache]),
    isRefused,
  );
}

export function LiveBanner() {
  const { t } = useTranslation();
  const format = useFormat();
  const silence = use(SilenceContext);
  const saidByPage = useSaidByPage(silence);
  return (
    <div role="status" aria-live="polite">
      {silence !== null && !saidByPage && (
        <div style={{ marginBottom: 12 }}>
          {'since' in silence ? (
            <Alert type="warning" showIcon title={t('common.state.away', { time: format.moment(silence.since) })} />
          ) : (
            <ProblemAlert error={silence.refusal} />
          )}
        </div>
      )}
    </div>
  );
}
