// The checker, asked from TypeScript.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { valuesIn } from './control.ts';

const run = promisify(execFile);

export interface Verdict {
  readonly good: boolean;
  /** The disk equals the state right after this operation; 0 when it equals none. */
  readonly op: number;
  /** What the checker said, for a failing test's message. */
  readonly text: string;
}

/** Runs the checker; its "bad" is an answer, not an error. */
export async function patio(
  program: string,
  args: readonly string[],
): Promise<Verdict & { values: Record<string, string> }> {
  const { stdout, stderr } = await run(program, [...args]).catch((error: unknown) => {
    const failed = error as { code?: unknown; stdout: string; stderr: string };
    if (failed.code !== 1) throw error;
    return failed;
  });
  const values = valuesIn(stdout.trim());
  return { good: stdout.startsWith('GOOD'), op: Number(values['op'] ?? 0), text: (stdout + stderr).trim(), values };
}

export interface CheckOptions {
  /** The state must hold this operation. By default everything that the newest boot saw flushed. */
  readonly acked?: number;
  /** ... and none after this one. */
  readonly upto?: number;
  /** Of the image. */
  readonly format?: 'qcow2' | 'raw';
}

/** Checks an image with all that it stands on; also one that a QEMU has open, as long as nobody writes to it. */
export async function checkImage(
  program: string,
  journal: string,
  image: string,
  { acked, upto, format = 'qcow2' }: CheckOptions = {},
): Promise<Verdict> {
  const dir = await mkdtemp('/var/tmp/varve-check-');
  try {
    const raw = join(dir, 'raw');
    await run('qemu-img', ['convert', '-U', '-f', format, '-O', 'raw', image, raw]);
    const limits = [
      ...(acked === undefined ? [] : ['--acked', `${acked}`]),
      ...(upto === undefined ? [] : ['--upto', `${upto}`]),
    ];
    const { good, op, text } = await patio(program, ['check', '--journal', journal, '--raw', raw, ...limits]);
    return { good, op, text };
  } finally {
    await rm(dir, { recursive: true });
  }
}
