import { styleText } from 'node:util';
import type { Cli } from '../settings.js';

export type Colour = 'green' | 'yellow' | 'red' | 'cyan' | 'dim' | 'bold' | 'inverse';

/** Paints on a terminal that can show it, and where nobody has forbidden it (no-color.org). */
export type Paint = (colour: Colour | null, text: string) => string;

export const plain: Paint = (_, text) => text;

export function paintFor({ terminal: { out }, env }: Pick<Cli, 'terminal' | 'env'>): Paint {
  if (out.isTTY !== true || env['NO_COLOR'] || env['TERM'] === 'dumb') return plain;
  return (colour, text) => (colour === null ? text : styleText(colour, text, { validateStream: false }));
}

const STATES: Readonly<Record<string, Colour>> = {
  succeeded: 'green',
  available: 'green',
  protected: 'green',
  up: 'green',
  done: 'green',
  queued: 'cyan',
  running: 'cyan',
  creating: 'cyan',
  restoring: 'cyan',
  deleting: 'cyan',
  cancelled: 'yellow',
  unprotected: 'yellow',
  undone: 'yellow',
  unknown: 'yellow',
  failed: 'red',
  failing: 'red',
  error: 'red',
  denied: 'red',
  down: 'red',
};

/** Of a word for how something is; the word itself says all that the colour does. */
export const colourOf = (state: string): Colour | null => STATES[state] ?? null;
