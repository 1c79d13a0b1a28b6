import type { UseQueryResult } from '@tanstack/react-query';
import { useQuery } from '@tanstack/react-query';
import type { HostView } from '@varve/contracts';
import { useMay } from '../session/session.tsx';
import { useApi } from './api.ts';
import { keys } from './keys.ts';

/** The longest a silent host looks well on the page, beside what the API itself waits for. Milliseconds. */
const LOOK_EVERY_MS = 10_000;
/** As many as one page of the API has: most clouds are one. */
const LARGEST_PAGE = 1_000;

/** Every host with a worker. Heartbeats are no live events: hosts are asked for again and again while one looks. */
export function useHosts(): UseQueryResult<HostView[]> {
  const api = useApi();
  const may = useMay('hosts:list');
  return useQuery({
    queryKey: keys.hosts,
    queryFn: async ({ signal }) => {
      const all: HostView[] = [];
      for await (const host of api.hosts({ limit: LARGEST_PAGE }, { signal })) all.push(host);
      return all;
    },
    enabled: may,
    refetchInterval: LOOK_EVERY_MS,
  });
}
