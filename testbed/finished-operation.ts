import { isDeepStrictEqual } from 'node:util';
import type { VarveClient } from '@varve/api-client';
import type { OperationView } from '@varve/contracts';
import type { Cluster } from './cluster.ts';
import { until } from './services/until.ts';

/**
 * The operation's end, whatever it is.
 *
 * @throws {Error} when `deadlineMs` have passed; it tells how far the operation has come and when that was, and what the
 *   processes complain of
 */
export async function finishedOperation(
  client: Pick<VarveClient, 'operation'>,
  id: string,
  { deadlineMs, cluster }: { deadlineMs: number; cluster: Cluster },
): Promise<OperationView> {
  let seen: OperationView | null = null;
  let since = performance.now();
  return until(
    () => {
      const still = `${JSON.stringify(seen)}, and was for the last ${Math.round(performance.now() - since)} ms`;
      return `operation ${id} has ended; it is ${still}\n${cluster.troubles()}`;
    },
    async () => {
      const now = await client.operation(id);
      if (!isDeepStrictEqual(now, seen)) since = performance.now();
      seen = now;
      return ['succeeded', 'failed', 'cancelled'].includes(now.state) && now;
    },
    { deadlineMs, everyMs: 200 },
  );
}
