import type { Json, Problem } from '@varve/core';
import type { JournalEntry } from './journal.js';

/** How one step of a procedure went, for people. */
export interface StepRecord {
  readonly name: string;
  /** `failed`: it is why the procedure gave up, or came to a bad end. `undone`: it had been done, and was taken back. */
  readonly state: 'running' | 'done' | 'failed' | 'undone';
  readonly startedAt: string;
  /** When it came to its state; `null` while it runs. */
  readonly finishedAt: string | null;
  /** Why it failed. */
  readonly detail: string | null;
}

/** As much of a reason as fits into a line or two. */
const DETAIL_CHARACTERS = 500;
export const detailOf = (message: string): string => message.slice(0, DETAIL_CHARACTERS);

/**
 * The steps of a procedure by its journal, in the order of beginning.
 *
 * @param end - the problem that it ended with. A failed upload is an outcome, after which it goes on to tidy up: of the
 *   steps, the one that has this problem for its result is where it failed
 */
export function stepsOf(entries: readonly JournalEntry[], end: Problem | null = null): StepRecord[] {
  const steps = new Map<string, StepRecord>();
  // Entries of a journal from before they had times are taken to be of the time of the one before.
  let at = '';
  const change = (name: string, change: Partial<StepRecord>): void => {
    const step = steps.get(name);
    if (step) steps.set(name, { ...step, finishedAt: at, ...change });
  };
  for (const entry of entries) {
    at = entry.at ?? at;
    switch (entry.kind) {
      case 'begin':
        steps.set(entry.step, { name: entry.step, state: 'running', startedAt: at, finishedAt: null, detail: null });
        break;
      case 'done':
        change(entry.step, end && hasEndedWith(end, entry.result) ? failedBy(end) : { state: 'done' });
        break;
      case 'giving-up':
        for (const { name, state } of steps.values()) {
          if (state === 'running') change(name, failedBy(entry.problem));
        }
        break;
      case 'undone':
        // What half an effect was left of the one that failed is gone too; that it failed is what counts.
        if (steps.get(entry.step)?.state === 'done') change(entry.step, { state: 'undone' });
        break;
      default:
    }
  }
  return [...steps.values()];
}

const failedBy = ({ message }: Problem): Partial<StepRecord> => ({ state: 'failed', detail: detailOf(message) });

function hasEndedWith(end: Problem, result: Json): boolean {
  if (result === null || typeof result !== 'object' || !('problem' in result)) return false;
  const { problem } = result;
  if (problem === null || typeof problem !== 'object' || !('code' in problem)) return false;
  return problem['code'] === end.code && problem['message'] === end.message;
}
