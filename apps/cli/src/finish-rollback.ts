import type { InstanceView, RollbackView } from '@varve/contracts';
import { ConflictError, OperationRunningError } from '@varve/core';
import { follow, goesOn } from './follow.js';
import { duration, size } from './output/human.js';
import { note, print } from './output/print.js';
import type { Session } from './settings.js';

/**
 * Says, before anybody is asked to confirm, what the API would refuse an undo or a keep with. It has the last word: with
 * `--yes` it alone is asked.
 *
 * @throws {OperationRunningError} something runs on the instance, maybe this rollback itself
 * @throws {ConflictError} what the rollback replaced is not on the host (any more)
 */
export function assertKept({ id, state, undoable }: RollbackView, instance: InstanceView): void {
  if (instance.operationId !== null) throw new OperationRunningError(instance.id, instance.operationId);
  if (undoable) return;
  throw new ConflictError(`What rollback ${id} replaced is not kept any more`, { rollbackId: id, state });
}

/** What `rollback` and `rollback undo` do once the request is recorded. */
export async function finishRollback(session: Session, requested: RollbackView, done: string): Promise<void> {
  if (!session.wait) {
    print(session, requested, () => `${requested.id}\n`);
    return note(session, goesOn(requested.id));
  }
  await follow(session, requested.id);
  const rollback = await session.client.rollback(requested.id, session);
  print(session, rollback, () => {
    const undo = rollback.undoable ? `To take it back: varve rollback undo ${rollback.id}\n` : '';
    return (
      `${done}: ${size(rollback.fetchedBytes)} fetched, ${size(rollback.localBytes)} found on the host, ` +
      `down for ${duration(rollback.downtimeMs)}\n${undo}`
    );
  });
}
