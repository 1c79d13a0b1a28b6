import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { ifThere, replaceFile } from '../../disk-files/qemu-img/durable.js';
import type { Owner } from '../../disk-files/qemu-img/durable.js';

const PidFile = z.object({ pid: z.number().int().positive(), startedAt: z.string(), bootId: z.string() });
/** A process, told from a later one with the same number. */
export type ProcessId = z.infer<typeof PidFile>;

export const pidFileOf = (directory: string): string => join(directory, '.varve', 'qemu.pid.json');

/** @returns `null`: there is no such process */
export async function identify(pid: number): Promise<ProcessId | null> {
  const stat = await statOf(pid);
  if (stat === null) return null;
  // Fields after the command's name, which may itself hold blanks and brackets: state is the first, start time the 20th.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === 'Z' || fields[0] === 'X') return null;
  const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  return { pid, startedAt: fields[19] ?? '', bootId };
}

async function statOf(pid: number): Promise<string | null> {
  try {
    return await readFile(`/proc/${pid}/stat`, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // The second when it ends between the opening and the reading.
    if (code === 'ENOENT' || code === 'ESRCH') return null;
    throw error;
  }
}

export async function isAlive(process: ProcessId): Promise<boolean> {
  const now = await identify(process.pid);
  return now !== null && now.startedAt === process.startedAt && now.bootId === process.bootId;
}

export async function remember(directory: string, process: ProcessId, owner: Owner): Promise<void> {
  await replaceFile(pidFileOf(directory), `${JSON.stringify(process)}\n`, owner);
}

/** The process that we started last for this instance, if it still lives; `null` when none is known. */
export async function recall(directory: string): Promise<ProcessId | null> {
  const text = await ifThere(readFile(pidFileOf(directory), 'utf8'));
  if (text === null) return null;
  const parsed = PidFile.safeParse(parseJson(text));
  return parsed.success && (await isAlive(parsed.data)) ? parsed.data : null;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Where what QEMU says goes while nobody waits for it. */
export const logFileOf = (directory: string): string => join(dirname(pidFileOf(directory)), 'qemu.log');
