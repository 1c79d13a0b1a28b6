import { useQueryClient } from '@tanstack/react-query';
import type { QueryClient } from '@tanstack/react-query';
import type { LiveEvent } from '@varve/api-client';
import { isFinished } from '@varve/api-client';
import { Alert } from 'antd';
import { createContext, use, useEffect, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useFormat } from '../shared/use-format.ts';
import { useApi } from './api.ts';
import { keys } from './keys.ts';
import { Paced } from './paced.ts';

/** Since when nothing is heard from the API; `null`: it is there. */
const AwaySince = createContext<string | null>(null);

/** Lists are asked for again at most this often, however much happens. Milliseconds. */
const LISTS_EVERY_MS = 2_000;

/** Keeps what is on the screen true while the API tells of changes, and says when it can't. */
export function LiveProvider({ children }: { children: React.ReactNode }) {
  const api = useApi();
  const queries = useQueryClient();
  const [awaySince, setAwaySince] = useState<string | null>(null);
  const lists = useMemo(
    () => new Paced(LISTS_EVERY_MS, (key) => void queries.invalidateQueries({ queryKey: JSON.parse(key) as string[] })),
    [queries],
  );

  useEffect(() => {
    const stop = new AbortController();
    const follow = async (): Promise<void> => {
      let first = true;
      for await (const event of api.events({}, { signal: stop.signal })) {
        if (event.type === 'away') setAwaySince((since) => since ?? new Date().toISOString());
        else if (event.type === 'open') {
          setAwaySince(null);
          // What happened while nobody listened is not told again.
          if (!first) void queries.invalidateQueries();
          first = false;
        } else take(event, queries, lists);
      }
    };
    follow().catch((error: unknown) => {
      if (stop.signal.aborted) return;
      // Refused for good, e.g. because the login has ended: the next question of the page finds out and says so.
      setAwaySince(new Date().toISOString());
      void queries.invalidateQueries();
      console.error('no live events', error);
    });
    return () => {
      stop.abort();
      lists.clear();
    };
  }, [api, queries, lists]);

  return <AwaySince value={awaySince}>{children}</AwaySince>;
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

export function LiveBanner() {
  const { t } = useTranslation();
  const format = useFormat();
  const since = use(AwaySince);
  return (
    <div role="status" aria-live="polite">
      {since !== null && (
        <Alert
          type="warning"
          showIcon
          style={{ marginBottom: 12 }}
          title={t('common.state.away', { time: format.moment(since) })}
        />
      )}
    </div>
  );
}
