// Looks at the counters of processes when a merge begins and when it ends, as the worker's journal tells.
import { mkdirSync, readdirSync, readFileSync, watch, type FSWatcher } from 'node:fs';
import { join } from 'node:path';
import { trafficOf, type Traffic } from './process-io.ts';

/** The steps of a snapshot that merge layers. */
const MERGES = ['merge failed layer', 'merge into history', 'merge history', 'make room'];

export class MergeWatch {
  private readonly journals: string;
  private readonly pids: () => readonly (number | null)[];
  private readonly watcher: FSWatcher;
  private readonly known: ReadonlySet<string>;
  /** `begin <step>` and `done <step>`, with what had been moved by then. */
  private readonly seen = new Map<string, Traffic>();

  constructor(instanceDir: string, pids: () => readonly (number | null)[]) {
    this.journals = join(instanceDir, '.varve', 'journals');
    this.pids = pids;
    mkdirSync(this.journals, { recursive: true });
    this.known = new Set(this.operations());
    this.watcher = watch(this.journals, () => this.look());
  }

  /** @returns what was moved during merges since the watch began */
  stop(): Traffic {
    this.watcher.close();
    let [read, written] = [0, 0];
    for (const [mark, before] of this.seen) {
      if (!mark.startsWith('begin ')) continue;
      const after = this.seen.get(mark.replace('begin ', 'done '));
      if (!after) throw new Error(`never saw the end of "${mark}"`);
      read += after.read - before.read;
      written += after.written - before.written;
    }
    return { read, written };
  }

  private look(): void {
    const now = this.traffic();
    for (const name of readdirSync(this.journals)) {
      if (!name.endsWith('.jsonl') || this.known.has(operationOf(name))) continue;
      for (const line of this.linesOf(name)) {
        const entry = JSON.parse(line) as { kind: string; step?: string };
        if (entry.step === undefined || !MERGES.includes(entry.step)) continue;
        const mark = `${entry.kind} ${entry.step}`;
        if (!this.seen.has(mark)) this.seen.set(mark, now);
      }
    }
  }

  /** Those that are whole; none when the journal was renamed this moment: another event follows. */
  private linesOf(name: string): string[] {
    try {
      return readFileSync(join(this.journals, name), 'utf8').split('\n').slice(0, -1);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  }

  private traffic(): Traffic {
    const all = this.pids().flatMap((pid) => (pid === null ? [] : [trafficOf(pid)]));
    return {
      read: all.reduce((sum, one) => sum + one.read, 0),
      written: all.reduce((sum, one) => sum + one.written, 0),
    };
  }

  private operations(): string[] {
    return readdirSync(this.journals).map(operationOf);
  }
}

/** A journal's name says first which operation it is of, then whether that has ended. */
const operationOf = (name: string): string => name.split('.')[0] ?? name;
