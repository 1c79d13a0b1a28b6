import type { QueryClient } from '@tanstack/react-query';

/** What the page knows, by key. All that is about one instance lies under its key, and is asked for again together. */
export const keys = {
  overview: ['overview'] as const,
  storage: ['overview', 'storage'] as const,
  instances: ['instances'] as const,
  instance: (id: string) => ['instance', id] as const,
  chain: (id: string) => ['instance', id, 'chain'] as const,
  timeline: (id: string) => ['instance', id, 'timeline'] as const,
  points: (id: string) => ['instance', id, 'points'] as const,
  rollbacks: (id: string) => ['instance', id, 'rollbacks'] as const,
  estimate: (id: string) => ['instance', id, 'estimate'] as const,
  plan: (id: string) => ['instance', id, 'plan'] as const,
  operations: ['operations'] as const,
  operation: (id: string) => ['operation', id] as const,
  steps: (id: string) => ['operation', id, 'steps'] as const,
  hosts: ['hosts'] as const,
  audit: ['audit'] as const,
};

/** After a request was accepted: what is on the screen of that instance, and all lists, may be different. */
export async function refreshInstance(queries: QueryClient, instanceId: string): Promise<void> {
  await Promise.all(
    [keys.instance(instanceId), keys.instances, keys.operations, keys.overview].map((queryKey) =>
      queries.invalidateQueries({ queryKey }),
    ),
  );
}
