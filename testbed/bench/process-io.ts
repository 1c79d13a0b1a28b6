// What a process has cost so far, as the kernel counts it.
import { readFileSync } from 'node:fs';

export interface Traffic {
  readonly read: number;
  readonly written: number;
}

/**
 * Bytes that a process, and the children it has waited for, moved by system calls: from the page cache or from the
 * disk, so that it doesn't matter what happened to be cached. A reflink moves none.
 */
export function trafficOf(pid: number): Traffic {
  const text = readFileSync(`/proc/${pid}/io`, 'utf8');
  const value = (name: string): number => Number(new RegExp(`^${name}: (\\d+)`, 'm').exec(text)?.[1] ?? Number.NaN);
  return { read: value('rchar'), written: value('wchar') };
}

/** The most memory that the process ever had; MiB. */
export function peakRssMiB(pid: number | 'self'): number {
  const [, kib] = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) / 1024;
}
