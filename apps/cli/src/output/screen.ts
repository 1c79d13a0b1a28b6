import { setTimeout as sleep } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import { ApiError } from '@varve/api-client';
import type { Session } from '../settings.js';
import type { Terminal } from '../terminal.js';
import { widthOf } from './table.js';

const [ENTER, LEAVE] = ['\u001B[?1049h\u001B[?25l', '\u001B[?25h\u001B[?1049l'];
const [HOME, TO_LINE_END, TO_SCREEN_END] = ['\u001B[H', '\u001B[K', '\u001B[J'];
/** In raw mode the terminal makes no signal of Ctrl-C. */
const ENDS = ['q', 'Q', '\u0003', '\u0004'];

/**
 * Shows a text on a screen of its own, again and again, until q, Ctrl-C or the session's end; then the terminal is as it
 * was, with what it showed before.
 *
 * An API that is away for a while is told of and waited for.
 *
 * @param frame - asked for the text of now
 */
export async function live(session: Session, everyMs: number, frame: () => Promise<string>): Promise<void> {
  const { terminal, signal } = session;
  const leaving = new AbortController();
  const over = AbortSignal.any([signal, leaving.signal]);
  let lines: string[] = [];
  const draw = (): void => void terminal.out.write(HOME + fitted(lines, terminal) + TO_SCREEN_END);
  const onKey = (bytes: Buffer): void => {
    const keys = bytes.toString();
    if (ENDS.some((key) => keys.includes(key))) leaving.abort();
  };
  const { in: input, out } = terminal;
  terminal.out.write(ENTER);
  input.setRawMode?.(true);
  input.on('data', onKey);
  out.on('resize', draw);
  try {
    while (!over.aborted) {
      lines = await nextLines(lines, frame, over);
      if (!over.aborted) draw();
      await sleep(everyMs, undefined, { signal: over }).catch(onlyWhen(over));
    }
  } finally {
    out.off('resize', draw);
    input.off('data', onKey);
    input.setRawMode?.(false);
    // What waits for a key keeps the process.
    input.pause();
    terminal.out.write(LEAVE);
  }
  signal.throwIfAborted();
}

async function nextLines(last: string[], frame: () => Promise<string>, over: AbortSignal): Promise<string[]> {
  try {
    return (await frame()).trimEnd().split('\n');
  } catch (error) {
    if (over.aborted) return last;
    if (!(error instanceof ApiError) || error.remedy !== 'retry') throw error;
    return [...last.filter((line) => !line.startsWith(AWAY)), `${AWAY}${error.message}`];
  }
}

const AWAY = 'Trying again: ';

/** Broken off is what a wait may be; anything else is an error. */
const onlyWhen =
  (over: AbortSignal) =>
  (error: unknown): void => {
    if (!over.aborted) throw error;
  };

/** As much as there is room for; the first lines count most. */
function fitted(lines: readonly string[], { out: { columns, rows } }: Terminal): string {
  // A terminal that does not know its size says 0.
  return lines
    .slice(0, rows || 24)
    .map((line) => cut(line, columns || 80) + TO_LINE_END)
    .join('\r\n');
}

const COLOUR_OR_CHARACTER = new RegExp(String.raw`\u001B\[[0-9;]*m|[\s\S]`, 'gu');

/** @param line - may hold colours, which take no room and are left whole */
export function cut(line: string, columns: number): string {
  if (widthOf(stripVTControlCharacters(line)) <= columns) return line;
  let width = 0;
  let kept = '';
  for (const [piece] of line.matchAll(COLOUR_OR_CHARACTER)) {
    const wide = piece.startsWith('\u001B') ? 0 : widthOf(piece);
    width += wide;
    if (wide > 0 && width > columns) continue;
    kept += piece;
  }
  return kept;
}
