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

/** {@link ask}, and what is typed is not shown. */
export function askSecret(terminal: Terminal, question: string): Promise<string> {
  return answer(terminal, question, { shown: false });
}

/** @returns the line without spaces around it; an empty one at the end of the input or Ctrl-C */
export function ask(terminal: Terminal, question: string): Promise<string> {
  return answer(terminal, question, { shown: true });
}

async function answer({ in: input, err }: Terminal, question: string, { shown }: { shown: boolean }): Promise<string> {
  const unseen = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input, output: shown ? err : unseen, terminal: true });
  try {
    // Not a moment earlier: until readline has the terminal, it shows what is typed by itself.
    if (!shown) err.write(question);
    // `question` alone would wait for ever when the input ends.
    const ended = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
    return (await Promise.race([lines.question(question), ended])).trim();
  } catch (error) {
    if (!(error instanceof Error && error.name === 'AbortError')) throw error;
    if (shown) err.write('\n');
    return '';
  } finally {
    lines.close();
    if (!shown) err.write('\n');
  }
}

/** Names are chosen by tenants and may hold anything; what reaches a terminal must not command it. */
export const printable = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\u{FFFD}');

/** The same of a text of ours, whose line breaks stay: of what is another's, {@link printable} takes them too. */
export const printableLines = (text: string): string => text.split('\n').map(printable).join('\n');
