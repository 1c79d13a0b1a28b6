import { PassThrough } from 'node:stream';
import { run } from '../src/program.js';
import type { Environment } from '../src/settings.js';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the command in this process, away from any terminal. */
export async function runCli(
  args: readonly string[],
  env: Environment = {},
  signal: AbortSignal = new AbortController().signal,
): Promise<Ran> {
  const [out, err] = [new PassThrough(), new PassThrough()];
  const input = new PassThrough();
  input.end();
  const code = await run(args, { terminal: { out, err, in: input }, env: { HOME: '/nonexistent', ...env }, signal });
  const text = (stream: PassThrough): string => ((stream.read() as Buffer | null) ?? Buffer.of()).toString();
  return { code, out: text(out), err: text(err) };
}
