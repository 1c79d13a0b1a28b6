import { readFileSync, rmSync } from 'node:fs';
import type { JournalEntry } from '@varve/procedures';

/** Where a journal stands when this is asked. */
export type JournalMoment = 'before' | 'after';
export type Halt = (moment: JournalMoment, entry: JournalEntry) => void;

/** The beginning of whichever step comes next. */
const NEXT_BEGIN = '*:begin';

/** Where a procedure can be stopped; `undefined`: not here. */
function pointOf(moment: JournalMoment, entry: JournalEntry): string | undefined {
  if (entry.kind === 'begin' && moment === 'after') return `${entry.step}:begin`;
  // The effect is there and nothing says so yet: the hardest place to die in.
  if (entry.kind === 'done' && moment === 'before') return `${entry.step}:unrecorded`;
  if (entry.kind === 'no-return' && moment === 'after') return 'no-return';
  return undefined;
}

/**
 * For tests alone: has the process stop itself (SIGSTOP) when a journal reaches the point that the file names, once,
 * so that it can be killed exactly there, or something else can.
 */
export function haltAsAsked(file: string): Halt {
  return (moment, entry) => {
    const point = pointOf(moment, entry);
    const wanted = point === undefined ? null : asked(file);
    if (wanted !== point && !(wanted === NEXT_BEGIN && point?.endsWith(':begin'))) return;
    rmSync(file);
    process.kill(process.pid, 'SIGSTOP');
  };
}

function asked(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
