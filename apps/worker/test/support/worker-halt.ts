// Stops the worker at an entry of its journal, so that something can be killed exactly there.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { until } from '../../../../testbed/services/until.ts';
import type { ManagedProcess } from '../../../../testbed/cluster.ts';

/** `<step>:begin`, `*:begin` (the next step's), `<step>:unrecorded` (done, but not on record), or `no-return`. */
export type HaltPoint = string;

export class WorkerHalt {
  constructor(
    private readonly worker: ManagedProcess,
    private readonly file: string,
  ) {}

  /** The worker will stop there, once. */
  ask(point: HaltPoint): void {
    writeFileSync(this.file, point);
  }

  /** Returns when it has; or when `over` says that it never will. @returns whether it has stopped */
  async reached(over: () => Promise<boolean> = () => Promise.resolve(false)): Promise<boolean> {
    const reached = await until(
      'the worker has stopped itself, or was never there',
      async () => {
        if (!existsSync(this.file) && this.isStopped()) return 'stopped';
        return (await over()) && 'over';
      },
      { deadlineMs: 120_000, everyMs: 20 },
    );
    rmSync(this.file, { force: true });
    return reached === 'stopped';
  }

  /** Lets it go on from there. */
  release(): void {
    process.kill(this.pid, 'SIGCONT');
  }

  private get pid(): number {
    const { pid } = this.worker;
    if (pid === null) throw new Error('the worker does not run');
    return pid;
  }

  private isStopped(): boolean {
    const { pid } = this.worker;
    return pid !== null && /^\d+ \(.*\) T /s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  }
}
