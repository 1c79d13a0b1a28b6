import type { z } from 'zod';
import type { Session } from '../settings.js';
import { printableLines } from '../terminal.js';
import { csv } from './csv.js';

/** What a command has done: for a program, or for a person. */
export function print(
  { format, terminal }: Pick<Session, 'format' | 'terminal'>,
  result: unknown,
  asText: () => string,
) {
  terminal.out.write(format === 'json' ? `${JSON.stringify(result, null, 2)}\n` : asText());
}

/** One thing that was asked for. */
export function show(session: Session, schema: z.ZodObject, thing: unknown, asText: () => string): void {
  if (session.format === 'csv') session.terminal.out.write(csv(schema, [thing]));
  else print(session, thing, asText);
}

/** What a person should know and a program need not. */
export function note({ terminal }: Pick<Session, 'terminal'>, text: string): void {
  terminal.err.write(`${printableLines(text)}\n`);
}
