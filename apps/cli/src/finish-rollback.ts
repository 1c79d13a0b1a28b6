import type { RollbackView } from '@varve/contracts';
import { follow, goesOn } from './follow.js';
import { duration, size } from './output/human.js';
import { note, print } from './output/print.js';
import type { Session } from './settings.js';

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
