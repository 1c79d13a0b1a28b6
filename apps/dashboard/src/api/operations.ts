import type { UseQueryResult } from '@tanstack/react-query';
import { queryOptions, useQuery } from '@tanstack/react-query';
import type { VarveClient } from '@varve/api-client';
import type { OperationView, Page } from '@varve/contracts';
import { isFinished } from '@varve/api-client';
import { useApi } from './api.ts';
import { keys } from './keys.ts';

/** More at once than anybody looks at; the table of operations has them all. */
const MOST = 100;

const activeOperations = (api: VarveClient) =>
  queryOptions({
    queryKey: [...keys.operations, 'active'],
    queryFn: ({ signal }) => api.operationPage({ active: true, limit: MOST }, { signal }),
  });

/** Everything that waits or runs, newest first. */
export const useActiveOperations = (): UseQueryResult<Page<OperationView>> => useQuery(activeOperations(useApi()));

/** The operation that an instance is busy with; `undefined`: there are more at once than are listed. */
export function useActiveOperation(id: string): { operation: OperationView | undefined; listedAt: number } {
  const api = useApi();
  const { data, dataUpdatedAt } = useQuery({
    ...activeOperations(api),
    select: ({ items }) => items.find((one) => one.id === id),
  });
  return { operation: data, listedAt: dataUpdatedAt };
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
