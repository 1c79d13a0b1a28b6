import { Writable } from 'node:stream';
import { createInterface } from 'node:readline/promises';
import type { ReadStream, WriteStream } from 'node:tty';

/** Where the command writes and reads. Results go to `out`, everything for people's eyes alone to `err`. */
export interface Terminal {
  readonly out: NodeJS.WritableStream & Partial<Pick<WriteStream, 'isTTY' | 'columns' | 'rows'>>;
  readonly err: NodeJS.WritableStream & Partial<Pick<WriteStream, 'isTTY' | 'columns'>>;
  readonly in: NodeJS.ReadableStream & Partial<Pick<ReadStream, 'isTTY' | 'setRawMode'>>;
}

/** Whether a person can be asked. */
export const isInteractive = ({ in: input, err }: Terminal): boolean => input.isTTY === true && err.isTTY === true;

/** The same, and what is typed is not shown. */
export async function askSecret(terminal: Terminal, question: string): Promise<string> {
  terminal.err.write(question);
  const unseen = new Writable({ write: (_chunk, _encoding, done) => done() });
  const typed = await ask({ ...terminal, err: unseen }, '');
  terminal.err.write('\n');
  return typed;
}

/** @returns the line without spaces around it; an empty one at the end of the input or Ctrl-C */
export async function ask({ in: input, err }: Terminal, question: string): Promise<string> {
  const lines = createInterface({ input, output: err, terminal: true });
  try {
    // `question` alone would wait for ever when the input ends.
    const ended = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
    return (await Promise.race([lines.question(question), ended])).trim();
  } catch (error) {
    if (!(error instanceof Error && error.name === 'AbortError')) throw error;
    err.write('\n');
    return '';
  } finally {
    lines.close();
  }
}

/** Names are chosen by tenants and may hold anything; what reaches a terminal must not command it. */
export const printable = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\u{FFFD}');
