import type { QueryClient, UseQueryResult } from '@tanstack/react-query';
import { keepPreviousData, queryOptions, useQuery, useQueryClient } from '@tanstack/react-query';
import type { VarveClient } from '@varve/api-client';
import type { OperationQuery, OperationView, Page } from '@varve/contracts';
import { isFinished } from '@varve/api-client';
import { useApi } from './api.ts';
import { keys } from './keys.ts';

/** More at once than anybody looks at; the table of operations has them all. */
const MOST = 100;

type Of = Pick<Partial<OperationQuery>, 'kind' | 'host' | 'instanceId'>;

const activeOperations = (api: VarveClient, { kind, host, instanceId }: Of = {}) =>
  queryOptions({
    queryKey: [...keys.operations, 'active', { kind, host, instanceId }],
    queryFn: ({ signal }) =>
      api.operationPage(
        { active: true, limit: MOST, ...(kind && { kind }), ...(host && { host }), ...(instanceId && { instanceId }) },
        { signal },
      ),
    placeholderData: keepPreviousData,
  });

/** What waits or runs, newest first: everything, or that of a kind, a host, an instance. */
export const useActiveOperations = (of: Of = {}): UseQueryResult<Page<OperationView>> =>
  useQuery(activeOperations(useApi(), of));

/** The operation that an instance is busy with; `undefined`: there are more at once than are listed. */
export function useActiveOperation(id: string): { operation: OperationView | undefined; listedAt: number } {
  const api = useApi();
  const { data, dataUpdatedAt } = useQuery({
    ...activeOperations(api),
    select: ({ items }) => items.find((one) => one.id === id),
  });
  return { operation: data, listedAt: dataUpdatedAt };
}

/** Should live events be held back on the way, e.g. by a proxy, this is how late what runs is seen. Milliseconds. */
const LOOK_EVERY_MS = 5_000;

/** @param id - `null`: of none */
export function useOperation(id: string | null): UseQueryResult<OperationView> {
  const api = useApi();
  const queries = useQueryClient();
  return useQuery({
    queryKey: keys.operation(id ?? ''),
    queryFn: async ({ signal }) => laterOf(queries, await api.operation(id ?? '', { signal })),
    enabled: id !== null,
    refetchInterval: ({ state: { data } }) => (data && isFinished(data) ? false : LOOK_EVERY_MS),
  });
}

/** Nothing that has ended runs again: an answer that was on its way meanwhile is older than the event that told of it. */
export function laterOf(queries: QueryClient, answer: OperationView): OperationView {
  const known = queries.getQueryData<OperationView>(keys.operation(answer.id));
  return known && isFinished(known) && !isFinished(answer) ? known : answer;
}

/** What its host did, step by step, while it does it. */
export function useSteps(operation: OperationView): UseQueryResult<Awaited<ReturnType<VarveClient['steps']>>> {
  const api = useApi();
  const over = isFinished(operation);
  return useQuery({
    // What is known of one that has ended is other than what was heard while it ran.
    queryKey: [...keys.steps(operation.id), over],
    queryFn: ({ signal }) => api.steps(operation.id, { signal }),
    refetchInterval: over ? false : LOOK_EVERY_MS,
    placeholderData: (known) => known,
  });
}

/** An operation of a list, as it was last heard of: live events are younger than the list. */
export function useHeardOf(listed: OperationView, listedAt: number): OperationView {
  const api = useApi();
  const { data, dataUpdatedAt } = useQuery({
    queryKey: keys.operation(listed.id),
    queryFn: ({ signal }) => api.operation(listed.id, { signal }),
    enabled: false,
  });
  if (!data) return listed;
  return isFinished(data) || (dataUpdatedAt > listedAt && !isFinished(listed)) ? data : listed;
}
