import { CancelledError, problemOf, ReportedError, ServiceError } from '@varve/core';
import type { Json, Problem } from '@varve/core';
import { announceOnce } from './journal.js';
import type { Journal } from './journal.js';
import type { Step } from './step.js';

/** The worker is going away: not a failure, the journal stays open and the next life goes on. */
export class InterruptedError extends Error {
  override name = 'InterruptedError';
}

export interface RunOptions {
  /** Aborted when a user cancels. Heeded before the point of no return alone. */
  readonly cancel: AbortSignal;
  /** Aborted when the worker shuts down. */
  readonly shutdown: AbortSignal;
  /** Called after an announcement is on the disk; whoever sends it must not rely on being called. */
  readonly onAnnounce?: () => void;
  /**
   * Called after a step has begun, in this life, and after each word on it is in the journal. For watchers.
   *
   * @param problem - it failed by this; past the point of no return it will be tried again
   */
  readonly onStep?: (name: string, problem?: Problem) => void;
}

/**
 * One life of a procedure. A resumed procedure is the same function called again with the same journal: finished steps
 * give their recorded results, the step that was under way is asked what became of it.
 */
export class Run {
  private readonly undos: { name: string; undo: () => Promise<void> }[] = [];
  private readonly seen = new Set<string>();
  private pastNoReturn = false;

  constructor(
    private readonly journal: Journal,
    private readonly options: RunOptions,
  ) {}

  get isPastNoReturn(): boolean {
    return this.pastNoReturn || this.journal.entries.some((entry) => entry.kind === 'no-return');
  }

  /** For long work inside a step: aborted on shutdown, and on cancellation while that still counts. */
  get signal(): AbortSignal {
    return this.isPastNoReturn ? this.options.shutdown : AbortSignal.any([this.options.shutdown, this.options.cancel]);
  }

  /** @param name - unique within the procedure; part of the journal's format */
  async step<T>(name: string, step: Step<T>): Promise<T> {
    if (this.seen.has(name)) throw new Error(`Step "${name}" occurs twice`);
    this.seen.add(name);

    const done = this.journal.entries.find((entry) => entry.kind === 'done' && entry.step === name);
    if (done?.kind === 'done') {
      this.rememberUndo(name, step, done.result as T);
      return done.result as T;
    }

    const gaveUp = this.journal.entries.find((entry) => entry.kind === 'giving-up');
    if (gaveUp?.kind === 'giving-up') {
      if (this.wasBegun(name)) this.rememberUndo(name, step, null);
      throw new ReportedError(gaveUp.problem);
    }

    this.throwIfInterrupted();
    if (!this.isPastNoReturn && this.options.cancel.aborted) throw new CancelledError();

    const again = this.wasBegun(name);
    if (!again) await this.journal.append({ kind: 'begin', step: name });
    const undoIndex = this.rememberUndo(name, step, null);
    this.options.onStep?.(name);
    const result = await this.effectOf(name, step, again);
    await this.journal.append({ kind: 'done', step: name, result: result as Json });
    this.options.onStep?.(name);
    if (undoIndex >= 0) this.undos.splice(undoIndex);
    this.rememberUndo(name, step, result);
    return result;
  }

  /** After this the procedure only goes forward. */
  async pointOfNoReturn(): Promise<void> {
    const gaveUp = this.journal.entries.find((entry) => entry.kind === 'giving-up');
    if (gaveUp?.kind === 'giving-up') throw new ReportedError(gaveUp.problem);
    if (this.isPastNoReturn) return;
    this.throwIfInterrupted();
    if (this.options.cancel.aborted) throw new CancelledError();
    await this.journal.append({ kind: 'no-return' });
    this.pastNoReturn = true;
  }

  /** Puts an event on record; it is sent, in order, by whoever owns the journal. Safe to repeat. */
  async announce(type: string, data: object): Promise<void> {
    await announceOnce(this.journal, type, data);
    this.options.onAnnounce?.();
  }

  /** Takes back what was done, newest first. Repeatable. */
  async undoAll(problem: Problem): Promise<void> {
    if (!this.journal.entries.some((entry) => entry.kind === 'giving-up')) {
      await this.journal.append({ kind: 'giving-up', problem });
    }
    for (const { name, undo } of this.undos.reverse()) {
      if (this.journal.entries.some((entry) => entry.kind === 'undone' && entry.step === name)) continue;
      await undo();
      await this.journal.append({ kind: 'undone', step: name });
      this.options.onStep?.(name);
    }
  }

  private async effectOf<T>(name: string, step: Step<T>, again: boolean): Promise<T> {
    try {
      const recovered = await step.recover();
      return recovered ? recovered.result : await step.do(again);
    } catch (error) {
      const isCancelled = this.options.cancel.aborted && !this.isPastNoReturn;
      if (!this.options.shutdown.aborted) {
        this.options.onStep?.(name, problemOf(isCancelled ? new CancelledError() : error));
      }
      throw error;
    }
  }

  private wasBegun(name: string): boolean {
    return this.journal.entries.some((entry) => entry.kind === 'begin' && entry.step === name);
  }

  private rememberUndo<T>(name: string, step: Step<T>, result: T | null): number {
    if (!step.undo) return -1;
    return this.undos.push({ name, undo: async () => step.undo?.(result) }) - 1;
  }

  private throwIfInterrupted(): void {
    if (this.options.shutdown.aborted) throw new InterruptedError('The worker is shutting down');
  }
}

export type Outcome<R> =
  { readonly kind: 'finished'; readonly result: R } | { readonly kind: 'failed'; readonly problem: Problem };

/**
 * Runs a procedure, or goes on with it, to its end or its undoing.
 *
 * @returns `failed`: everything was taken back
 * @throws whatever stopped it past the point of no return, or hindered the undoing: call again later, the journal is
 *   as it should be. {@link InterruptedError} when the worker is shutting down.
 */
export async function runProcedure<R>(
  journal: Journal,
  options: RunOptions,
  procedure: (run: Run) => Promise<R>,
): Promise<Outcome<R>> {
  const run = new Run(journal, options);
  try {
    return { kind: 'finished', result: await procedure(run) };
  } catch (error) {
    if (options.shutdown.aborted) throw new InterruptedError('The worker is shutting down', { cause: error });
    if (run.isPastNoReturn || !mayBeUndone(error)) throw error;
    const problem = problemOf(options.cancel.aborted ? new CancelledError() : error);
    await run.undoAll(problem);
    return { kind: 'failed', problem };
  }
}

/** A journal that can't be written must stop everything, undoing included; so must a kill in a test. */
const mayBeUndone = (error: unknown): boolean => !(error instanceof JournalUnwritableError);

/** The journal's disk is full or gone. Nothing may be changed without it. */
export class JournalUnwritableError extends ServiceError {
  readonly code = 'journal_unwritable';
  readonly remedy = 'call-operator';
}
