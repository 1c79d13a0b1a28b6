import type { CatalogTx } from '@varve/catalog';
import type { Caller } from './caller.js';

/**
 * Makes an accepted write once, however often it is asked for with the same Idempotency-Key, and puts it in the audit
 * log. The answer commits together with what it is about; a refusal is not kept, and may be asked for again.
 *
 * @throws {IdempotencyKeyReusedError}
 */
export async function acceptOnce<T>(tx: CatalogTx, caller: Caller, status: number, work: () => Promise<T>): Promise<T> {
  const { principal, idempotency } = caller;
  if (idempotency) {
    const before = await tx.idempotency.take(principal.projectId, idempotency.key, idempotency.requestHash);
    if (before) return before.body as T;
  }
  const answer = await work();
  await tx.audit.add({
    userId: principal.userId,
    projectId: principal.projectId,
    action: caller.action,
    target: caller.target,
    requestId: caller.requestId,
    outcome: 'accepted',
    code: null,
  });
  if (idempotency) await tx.idempotency.answered(principal.projectId, idempotency.key, { status, body: answer });
  return answer;
}
