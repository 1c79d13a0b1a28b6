import type { InstanceView } from '@varve/contracts';
import { UsageError } from './exit-codes.js';
import { note } from './output/print.js';
import type { Session } from './settings.js';
import { ask, isInteractive, printable } from './terminal.js';

/**
 * Lets the user type the instance's name before its disk is exchanged, or something else is done that has no way back.
 *
 * @param brief - the same in short, for where there is nobody to ask
 *
 * @throws {UsageError} it wasn't typed, or there is nobody to ask
 */
export async function confirm(
  session: Session,
  instance: InstanceView,
  yes: boolean,
  what: string,
  brief = briefOf(instance),
): Promise<void> {
  if (yes) return;
  if (!isInteractive(session.terminal)) {
    throw new UsageError(`${brief}; give --yes where nobody can be asked`);
  }
  note(session, what);
  const typed = await ask(session.terminal, `Type the instance's name, ${printable(instance.name)}, to go on: `);
  session.signal.throwIfAborted();
  if (typed !== printable(instance.name).trim()) throw new UsageError('Not confirmed; nothing was done');
}

function briefOf({ name, state }: InstanceView): string {
  if (state === 'stopped') return `This exchanges the disk of ${printable(name)}`;
  return `This stops ${printable(name)} and exchanges its disk`;
}
