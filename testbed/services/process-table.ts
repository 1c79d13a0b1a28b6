// A pid alone says little: it is given out again. Together with the start time it names one process for ever.
import { readFileSync, readdirSync } from 'node:fs';

/** In clock ticks since boot, as the kernel says it; `null` when there is no such process. */
export function startTimeOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the name in brackets and may hold anything, so count from its end: the 22nd field.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? null : (fields[19] ?? null);
  } catch {
    return null; // gone
  }
}

export const isSameProcess = (pid: number, startTime: string | null): boolean =>
  startTime !== null && startTimeOf(pid) === startTime;

/**
 * Whether nothing of a process is left that could hold a file open. Its command line is gone before its files are
 * closed, and of one with threads the first may have ended before the others.
 *
 * @param startTime - by which it is told from a later one of the same number
 */
export function hasEnded(pid: number, startTime: string | null): boolean {
  if (isSameProcess(pid, startTime)) return false;
  try {
    return readdirSync(`/proc/${pid}/task`).length < 2 || startTimeOf(pid) !== null;
  } catch {
    return true; // gone
  }
}

/** Those that a process has started itself, from its first thread. */
export function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  } catch {
    return []; // gone
  }
}

/** The command line, arguments separated by blanks; empty when there is no such process. */
export function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return ''; // gone
  }
}

/** Those whose command line contains `text`; never our own. */
export const pidsNaming = (text: string): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && commandLineOf(pid).includes(text));
