import type { UseQueryResult } from '@tanstack/react-query';
import { useQuery } from '@tanstack/react-query';
import type { HostView, Page } from '@varve/contracts';
import { useMay } from '../session/session.tsx';
import { useApi } from './api.ts';
import { keys } from './keys.ts';

/** The longest a silent host looks well on the page, beside what the API itself waits for. Milliseconds. */
const LOOK_EVERY_MS = 10_000;
/** As many as one page of the API has. */
const MOST = 1_000;

/** Every host with a worker. Heartbeats are no live events: hosts are asked for again and again while one looks. */
export function useHosts(): UseQueryResult<Page<HostView>> {
  const api = useApi();
  const may = useMay('hosts:list');
  return useQuery({
    queryKey: keys.hosts,
    queryFn: ({ signal }) => api.hostPage({ limit: MOST }, { signal }),
    enabled: may,
    refetchInterval: LOOK_EVERY_MS,
  });
}
