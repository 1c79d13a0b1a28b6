import { lockOperation, settle } from '@varve/catalog';
import type { Catalog, CatalogTx, Log } from '@varve/catalog';
import { JOBS_EXCHANGE } from '@varve/contracts';
import { HostUnavailableError, OutcomeUnknownError, problemOf } from '@varve/core';
import type { OperationId, Problem } from '@varve/core';

/**
 * Gives up the operations of whose host, or of whose instance there, nothing has been heard for too long: so that their
 * instances are free for the next, and nobody waits for what nobody does. Nothing is lost by that: should the host have
 * finished one all the same, its events still count when they come.
 *
 * @returns how many were given up
 */
export async function giveUpOnUnheardOf(catalog: Catalog, goneAfterS: number, log: Log): Promise<number> {
  const waiting = await catalog.read((tx) => tx.operations.activeUnheardOf(goneAfterS));
  for (const { id, instanceId, host, hostIsSilent } of waiting) {
    const why = hostIsSilent
      ? new HostUnavailableError(host)
      : new OutcomeUnknownError('Its host no longer tells of the operation, nor of the instance', { instanceId });
    await catalog.transaction((tx) => giveUp(tx, id, problemOf(why)));
    log.warn({ operation: id, host, instance: instanceId, err: why }, 'given up: nothing more was heard of it');
  }
  return waiting.length;
}

async function giveUp(tx: CatalogTx, id: OperationId, problem: Problem): Promise<void> {
  const operation = await lockOperation(tx, id);
  if (!operation || operation.settledBy !== null) return;
  // A job that has not left us is taken back, and then it is certain that nothing will come of it.
  const settledBy = (await tx.outbox.withdraw(id)) ? 'control' : 'sweep';
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
