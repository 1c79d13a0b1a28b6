import type { OperationView } from '@varve/contracts';
import type { Remedy } from '@varve/core';
import { OperationEndedBadlyError } from './exit-codes.js';
import { note } from './output/print.js';
import { progressOn } from './output/progress.js';
import type { Session } from './settings.js';

/**
 * Shows an operation's progress until it is over.
 *
 * @throws {OperationEndedBadlyError} it failed or was cancelled; the user has been told
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
  if (last?.state !== 'succeeded') throw new OperationEndedBadlyError(endOf(operationId, last));
  return last;
}

export const goesOn = (operationId: string): string =>
  `Operation ${operationId} goes on; follow it with: varve operation watch ${operationId}`;

function endOf(operationId: string, last: OperationView | null): string {
  if (last?.state === 'cancelled') return `Operation ${operationId} was cancelled`;
  const problem = last?.problem;
  if (!problem) return `Operation ${operationId} failed`;
  return `Operation ${operationId} failed: ${problem.message} (${problem.code})\n${adviceOf(problem.remedy)}`;
}

const ADVICE = {
  retry: 'Trying again later may help.',
  'fix-request': 'Trying the same again will not help.',
  'call-operator': 'An operator has to look at it.',
} satisfies Record<Remedy, string>;

export const adviceOf = (remedy: Remedy): string => ADVICE[remedy];
