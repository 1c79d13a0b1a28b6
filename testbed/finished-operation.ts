import type { VarveClient } from '@varve/api-client';
import type { OperationView } from '@varve/contracts';
import type { Cluster } from './cluster.ts';
import { until } from './services/until.ts';

/**
 * The operation's end, whatever it is.
 *
 * @throws {Error} when `deadlineMs` have passed; it tells how far the operation has come, and what the processes complain of
 */
export async function finishedOperation(
  client: Pick<VarveClient, 'operation'>,
  id: string,
  { deadlineMs, cluster }: { deadlineMs: number; cluster: Cluster },
): Promise<OperationView> {
  let seen: OperationView | null = null;
  return until(
    () => `operation ${id} has ended; it is ${JSON.stringify(seen)}\n${cluster.troubles()}`,
    async () => {
      seen = await client.operation(id);
      return ['succeeded', 'failed', 'cancelled'].includes(seen.state) && seen;
    },
    { deadlineMs, everyMs: 100 },
  );
}
