import { NotFoundError, problemOf } from '@varve/core';
import type { FileId, InstanceId, OperationId, Problem } from '@varve/core';
import { announceOnce, detailOf, InterruptedError, isClosed, runProcedure, stepsOf } from '@varve/procedures';
import type { ProcedureContext } from '@varve/procedures';
import pLimit from 'p-limit';
import pRetry from 'p-retry';
import type { Logger } from 'pino';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FileJournal, FileJournals } from './file-journal.js';
import { abandon, failureEvent, jobOf, perform } from './procedures.js';
import type { Reporter } from './reporter.js';

/** How often a watcher hears of progress; milliseconds. */
const PROGRESS_EVERY_MS = 500;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 60_000;

type Ports = Pick<ProcedureContext, 'hypervisor' | 'files' | 'layers' | 'compute' | 'images' | 'settings'>;

/**
 * Runs procedures to their end: one at a time per instance, any number of instances at once, and of the long parts
 * only so many at once on this host. A procedure that can't go on past its point of no return is tried again, later
 * and later, until it can.
 */
export class Runner {
  private readonly queues = new Map<InstanceId, Promise<void>>();
  private readonly cancels = new Map<OperationId, AbortController>();
  private readonly transferLane: ReturnType<typeof pLimit>;

  constructor(
    private readonly ports: Ports,
    private readonly journals: FileJournals,
    private readonly reporter: Reporter,
    private readonly log: Logger,
    private readonly shutdown: AbortSignal,
    transfers: number,
  ) {
    this.transferLane = pLimit(transfers);
  }

  /** Takes the journal's procedure to its end, after those of the same instance that came before. */
  enqueue(journal: FileJournal): void {
    const { operationId } = journal.head;
    if (this.cancels.has(operationId)) return;
    this.cancels.set(operationId, new AbortController());
    const before = this.queues.get(journal.instance) ?? Promise.resolve();
    const mine = before.then(() => this.toTheEnd(journal));
    this.queues.set(journal.instance, mine);
    void mine.finally(() => {
      this.cancels.delete(operationId);
      if (this.queues.get(journal.instance) === mine) this.queues.delete(journal.instance);
    });
  }

  /** Heeded before the point of no return; too late after it. */
  cancel(operation: OperationId): void {
    this.cancels.get(operation)?.abort();
  }

  /** Resolves when nothing runs any more; after the shutdown signal that does not take long. */
  async idle(): Promise<void> {
    await Promise.all(this.queues.values());
  }

  private async toTheEnd(begun: FileJournal): Promise<void> {
    let journal = begun;
    const log = this.log.child({ operation: journal.head.operationId, instance: journal.instance });
    for (let wait = FIRST_WAIT_MS; !this.shutdown.aborted; wait = Math.min(2 * wait, LONGEST_WAIT_MS)) {
      try {
        await this.attempt(journal, log);
        return;
      } catch (error) {
        if (this.shutdown.aborted || error instanceof InterruptedError) return;
        const found = await this.journals
          .find(journal.instance, journal.head.operationId)
          .catch((unreadable: unknown) => {
            log.error({ err: unreadable }, 'the journal can’t be read');
            return undefined;
          });
        if (found === null) {
          log.warn({ err: error }, 'the instance was deleted, and its journal with it');
          await this.abandon(journal, log);
          return await this.tellThatItIsGone(journal);
        }
        if (found && isClosed(found)) return;
        if (found && journal.isBroken) journal = found;
        log.error({ err: error, problem: problemOf(error), retryInMs: wait }, 'the procedure could not go on');
        await sleep(wait, undefined, { signal: this.shutdown }).catch((reason: unknown) => {
          if (!this.shutdown.aborted) throw reason;
        });
      }
    }
  }

  /** Whatever comes of it: that the operation is over must be told all the same. */
  private async abandon({ head }: FileJournal, log: Logger): Promise<void> {
    try {
      await pRetry(() => abandon(jobOf(head), this.ports), { retries: 3, minTimeout: 500, signal: this.shutdown });
    } catch (error) {
      log.error({ err: error }, 'what it had begun elsewhere may be left there');
    }
  }

  /** Nobody else will ever say how the operation ended. Should it have ended before, that counts. */
  private async tellThatItIsGone({ instance: instanceId, head: { operationId } }: FileJournal): Promise<void> {
    const problem = problemOf(new NotFoundError('instance on this host', instanceId));
    const end = { operationId, instanceId, state: 'failed', problem, chainLength: null };
    await this.reporter
      .insist(`${operationId}:operation.finished`, 'operation.finished', instanceId, end)
      .catch((error: unknown) => {
        if (!this.shutdown.aborted) throw error;
      });
  }

  private async attempt(journal: FileJournal, log: Logger): Promise<void> {
    const { operationId, epoch } = journal.head;
    const job = jobOf(journal.head);
    const cancel = this.cancels.get(operationId) ?? new AbortController();
    const flushSoon = (): void => {
      void this.reporter.flush(journal).catch((error: unknown) => log.debug({ err: error }, 'events stay on record'));
    };
    await announceOnce(journal, 'operation.accepted', { epoch });
    flushSoon();

    const progress = this.progressOf(journal);
    const ctx: ProcedureContext = {
      ...this.ports,
      now: () => new Date(),
      newFileId: () => randomUUID() as FileId,
      transfer: (work) => this.transferLane(work),
      progress: (phase, done, total) => progress(phase, done, total),
    };
    const outcome = await runProcedure(
      journal,
      {
        cancel: cancel.signal,
        shutdown: this.shutdown,
        onAnnounce: flushSoon,
        onStep: (name, problem) => this.tellOfStep(journal, name, problem),
      },
      (run) => {
        progress.pastNoReturn = () => run.isPastNoReturn;
        return perform(run, job, ctx);
      },
    );

    if (outcome.kind === 'finished') {
      const steps = stepsOf(journal.entries, outcome.result.problem);
      await announceOnce(journal, 'operation.finished', { ...outcome.result, steps });
      log.info({ state: outcome.result.state, problem: outcome.result.problem }, 'finished');
    } else {
      const failure = failureEvent(job, outcome.problem);
      if (failure) await announceOnce(journal, failure.type, failure.data);
      const state = outcome.problem.code === 'cancelled' ? 'cancelled' : 'failed';
      const chainLength = (await this.ports.files.readRecord(journal.instance))?.files.length ?? null;
      const steps = stepsOf(journal.entries);
      await announceOnce(journal, 'operation.finished', { state, problem: outcome.problem, chainLength, steps });
      log.info({ state, problem: outcome.problem }, 'finished; everything was taken back');
    }
    await this.reporter.flush(journal);
    await this.journals.close(journal);
    // With the directory that a repair took back, the work came back that had been under way in it.
    for (const other of await this.journals.openOf(journal.instance)) this.enqueue(other);
  }

  private tellOfStep(journal: FileJournal, name: string, problem: Problem | undefined): void {
    const written = stepsOf(journal.entries).find((step) => step.name === name);
    if (!written) return;
    // Past the point of no return it is not in the journal, and will be tried again.
    const failed = { state: 'failed' as const, finishedAt: new Date().toISOString() };
    const step = problem ? { ...written, ...failed, detail: detailOf(problem.message) } : written;
    const { instance: instanceId, head } = journal;
    const data = { operationId: head.operationId, instanceId, step };
    void this.reporter.report({ type: 'operation.step', subject: instanceId, data });
  }

  private progressOf(
    journal: FileJournal,
  ): ((phase: string, doneBytes: number, totalBytes: number) => void) & { pastNoReturn?: () => boolean } {
    let [lastAt, lastPhase, lastPast] = [0, '', false];
    const report = (phase: string, doneBytes: number, totalBytes: number): void => {
      const now = Date.now();
      const pastNoReturn = tell.pastNoReturn?.() ?? false;
      const isNews = phase !== lastPhase || pastNoReturn !== lastPast;
      if (!isNews && now - lastAt < PROGRESS_EVERY_MS) return;
      [lastAt, lastPhase, lastPast] = [now, phase, pastNoReturn];
      const { operationId } = journal.head;
      const instanceId = journal.instance;
      void this.reporter.report({
        type: 'operation.progress',
        subject: instanceId,
        data: { operationId, instanceId, phase: phase as 'uploading', doneBytes, totalBytes, pastNoReturn },
      });
    };
    const tell: typeof report & { pastNoReturn?: () => boolean } = report;
    return tell;
  }
}
