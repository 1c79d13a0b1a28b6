import type { OperationView } from '@varve/contracts';
import type { Remedy } from '@varve/core';
import { CancelledError, problemOf } from '@varve/core';
import { OperationEndedBadlyError } from './exit-codes.js';
import { note } from './output/print.js';
import { progressOn } from './output/progress.js';
import type { Session } from './settings.js';

/**
 * Shows an operation's progress until it is over.
 *
 * @throws {OperationEndedBadlyError} it failed or was cancelled
 * @throws {InterruptedError | ApiError} the waiting was broken off; the operation goes on, which the user has been told
 */
export async function follow(session: Session, operationId: string): Promise<OperationView> {
  const progress = progressOn(session.terminal.err);
  let last: OperationView | null = null;
  try {
    for await (const view of session.client.watchOperation(operationId, { signal: session.signal })) {
      progress.show(view);
      last = view;
    }
  } catch (error) {
    progress.end();
    note(session, goesOn(operationId));
    throw error;
  } finally {
    progress.end();
  }
  return succeeded(operationId, last);
}

export const goesOn = (operationId: string): string =>
  `Operation ${operationId} goes on; follow it with: varve operation watch ${operationId}`;

/**
 * @param last - its final view
 * @throws {OperationEndedBadlyError} it failed or was cancelled
 */
export function succeeded(id: string, last: OperationView | null): OperationView {
  if (last?.state === 'succeeded') return last;
  if (last?.state === 'cancelled') {
    // One that no host had begun yet has no problem of its own.
    const problem = last.problem ?? { ...problemOf(new CancelledError()), facts: {} };
    throw new OperationEndedBadlyError(`Operation ${id} was cancelled`, { id: last.id, problem });
  }
  const why = last?.problem ? `: ${last.problem.message}` : '';
  throw new OperationEndedBadlyError(`Operation ${id} failed${why}`, last);
}

const ADVICE = {
  retry: 'Trying again later may help.',
  'fix-request': 'Trying the same again will not help.',
  'call-operator': 'An operator has to look at it.',
} satisfies Record<Remedy, string>;

export const adviceOf = (remedy: Remedy): string => ADVICE[remedy];
