import { lockOperation, settle } from '@varve/catalog';
import type { Catalog, CatalogTx, Log } from '@varve/catalog';
import { JOBS_EXCHANGE } from '@varve/contracts';
import { HostUnavailableError, problemOf } from '@varve/core';
import type { OperationId } from '@varve/core';

/**
 * Gives up the operations whose host has not been heard of for too long, so that their instances are free for the next.
 * Nothing is lost by that: should the host have finished one all the same, its events still count when they come.
 *
 * @returns how many were given up
 */
export async function giveUpOnSilentHosts(catalog: Catalog, goneAfterS: number, log: Log): Promise<number> {
  const waiting = await catalog.read((tx) => tx.operations.activeOnSilentHosts(goneAfterS));
  for (const { id, host } of waiting) {
    await catalog.transaction((tx) => giveUp(tx, id));
    log.warn({ operation: id, host }, 'given up: its host has not been heard of');
  }
  return waiting.length;
}

async function giveUp(tx: CatalogTx, id: OperationId): Promise<void> {
  const operation = await lockOperation(tx, id);
  if (!operation || operation.settledBy !== null) return;
  // A job that has not left us is taken back, and then it is certain that nothing will come of it.
  const settledBy = (await tx.outbox.withdraw(id)) ? 'control' : 'sweep';
  const problem = problemOf(new HostUnavailableError(operation.host));
  await settle(tx, operation, { state: 'failed', problem, settledBy, at: new Date() });
  if (settledBy === 'control' || operation.cancelRequested) return;
  // Whoever asked was told that it failed: when the host is back, it should not begin.
  await tx.outbox.add({
    exchange: JOBS_EXCHANGE,
    routingKey: operation.host,
    messageId: `${id}:cancel`,
    body: { type: 'operation.cancel', version: 1, operationId: id, instanceId: operation.instanceId },
  });
}
