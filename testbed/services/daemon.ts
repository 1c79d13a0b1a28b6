// One process of the embedded services: in a process group of its own, output to a log file, never outliving us.
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Account } from './account.ts';
import { childrenOf, hasEnded, isSameProcess, startTimeOf } from './process-table.ts';
import { until } from './until.ts';

export interface DaemonOptions {
  readonly name: string;
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly logFile: string;
  /** What asks it to stop in an orderly way. */
  readonly stopSignal?: NodeJS.Signals;
  /** How long it may take over that before it is killed; milliseconds. */
  readonly graceMs?: number;
  /** It has children in process groups of their own that are nothing without it; a worker's are the instances. */
  readonly ownsChildren?: boolean;
}

export class Daemon {
  private child: ChildProcess | null = null;
  private exited: Promise<void> = Promise.resolve();
  private readonly options: DaemonOptions;
  private readonly account: Account;

  constructor(account: Account, options: DaemonOptions) {
    this.account = account;
    this.options = options;
  }

  get pid(): number | null {
    return this.child?.pid ?? null;
  }

  start(): void {
    if (this.child) return;
    const { argv, env, cwd, logFile } = this.options;
    const [command, ...args] = [...this.account.drop, ...argv];
    const log = openSync(logFile, 'a');
    const child = spawn(command, args, {
      cwd,
      env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8', ...env },
      stdio: ['ignore', log, log],
      detached: true,
    });
    closeSync(log);
    this.child = child;
    this.exited = new Promise((resolve) => {
      const gone = (): void => {
        if (this.child === child) this.child = null;
        resolve();
      };
      child.once('exit', gone);
      child.once('error', gone);
    });
  }

  /** @throws {Error} with the end of its log when it isn't running */
  assertRunning(): void {
    if (this.child) return;
    throw new Error(`${this.options.name} has ended by itself; its log ends with\n${tail(this.options.logFile)}`);
  }

  /** Ends it in its orderly way, and when that takes too long by force; returns when it is gone. */
  async stop(): Promise<void> {
    if (!this.child) return;
    this.signal('SIGCONT');
    this.signal(this.options.stopSignal ?? 'SIGTERM');
    const timer = new AbortController();
    const inTime = await Promise.race([
      this.exited.then(() => true),
      sleep(this.options.graceMs ?? 15_000, false, { signal: timer.signal }).catch(() => false),
    ]);
    timer.abort();
    if (!inTime) await this.kill();
  }

  /** kill -9, the whole group and the children that it owns; returns when all are gone. */
  async kill(): Promise<void> {
    const pid = this.child?.pid;
    if (pid === undefined) return;
    const owned = this.options.ownsChildren ? childrenOf(pid) : [];
    const children = owned.map((child) => ({ child, startTime: startTimeOf(child) }));
    process.kill(-pid, 'SIGKILL');
    for (const { child, startTime } of children) if (isSameProcess(child, startTime)) killIfThere(child);
    await this.exited;
    const areGone = (): boolean => children.every(({ child, startTime }) => hasEnded(child, startTime));
    await until(`${this.options.name}'s processes are gone`, areGone, { deadlineMs: 60_000, everyMs: 10 });
  }

  signal(signal: NodeJS.Signals): void {
    this.child?.kill(signal);
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function tail(file: string): string {
  return readFileSync(file, 'utf8').split('\n').slice(-15).join('\n');
}
