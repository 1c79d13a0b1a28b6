import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { UseMutationResult, UseQueryResult } from '@tanstack/react-query';
import type { VarveClient } from '@varve/api-client';
import { isFinished } from '@varve/api-client';
import type { InstanceView, OperationView, RollbackView } from '@varve/contracts';
import { useEffect, useRef } from 'react';
import { useApi } from '../../api/api.ts';
import { keys, refreshInstance } from '../../api/keys.ts';
import { useOperation } from '../../api/operations.ts';
import { useMay } from '../../session/session.tsx';

export function useInstance(id: string): UseQueryResult<InstanceView> {
  const api = useApi();
  return useQuery({ queryKey: keys.instance(id), queryFn: ({ signal }) => api.instance(id, { signal }) });
}

/**
 * An operation on the instance that is on the screen.
 *
 * @param id - `null`: of none
 */
export function useOperationHere(id: string | null): UseQueryResult<OperationView> {
  const queries = useQueryClient();
  const query = useOperation(id);
  const ended = query.data && isFinished(query.data) ? query.data.instanceId : null;
  const ran = useRef(false);
  useEffect(() => {
    // Whoever saw it run sees what it made, also where no live event says so.
    if (ended === null) ran.current = id !== null;
    else if (ran.current) {
      ran.current = false;
      void refreshInstance(queries, ended);
    }
  }, [queries, id, ended]);
  return query;
}

export function useRollback(instanceId: string, id: string | null): UseQueryResult<RollbackView> {
  const api = useApi();
  return useQuery({
    queryKey: [...keys.rollbacks(instanceId), id],
    queryFn: ({ signal }) => api.rollback(id ?? '', { signal }),
    enabled: id !== null,
  });
}

/** Newest first. What it replaced is kept of the latest that succeeded alone. */
export function useRollbacks(instanceId: string): UseQueryResult<readonly RollbackView[]> {
  const api = useApi();
  const may = useMay('rollbacks:list');
  return useQuery({
    queryKey: keys.rollbacks(instanceId),
    enabled: may,
    queryFn: async ({ signal }) => (await api.rollbackPage(instanceId, { limit: 20 }, { signal })).items,
    placeholderData: keepPreviousData,
  });
}

/** Something asked of the API for an instance; once it was accepted, what is on the screen is asked for again. */
export function useRequest<Of, Answer>(
  instanceId: string,
  ask: (api: VarveClient, of: Of) => Promise<Answer>,
): UseMutationResult<Answer, Error, Of> {
  const api = useApi();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (of: Of) => ask(api, of),
    onSettled: () => void refreshInstance(queries, instanceId),
  });
}
