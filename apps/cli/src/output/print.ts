import type { Session } from '../settings.js';

/** A command's result: for a program, or for a person. */
export function print({ json, terminal }: Pick<Session, 'json' | 'terminal'>, result: unknown, asText: () => string) {
  terminal.out.write(json ? `${JSON.stringify(result, null, 2)}\n` : asText());
}

/** What a person should know and a program need not. */
export function note({ terminal }: Pick<Session, 'terminal'>, line: string): void {
  terminal.err.write(`${line}\n`);
}
