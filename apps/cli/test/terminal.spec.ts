import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { ask, askSecret } from '../src/terminal.js';

/** A terminal that keeps what reaches the person's eyes, and what becomes of its mode, in the order in which it happens. */
function watchedTerminal() {
  const seen: string[] = [];
  const input = Object.assign(new PassThrough(), {
    isTTY: true as const,
    setRawMode(raw: boolean) {
      seen.push(raw ? '[raw]' : '[cooked]');
      return input;
    },
  });
  const err = Object.assign(new PassThrough(), { isTTY: true as const });
  err.on('data', (bytes: Buffer) => seen.push(bytes.toString()));
  return { seen, input, terminal: { out: new PassThrough(), err, in: input as never } };
}

it('asks for a secret only when the terminal no longer shows what is typed', async () => {
  const { seen, input, terminal } = watchedTerminal();
  const answer = askSecret(terminal, 'Password: ');
  input.write('a-secret\r');
  expect(await answer).toBe('a-secret');
  expect(seen.indexOf('Password: ')).toBeGreaterThan(seen.indexOf('[raw]'));
  expect(seen.indexOf('Password: ')).toBeLessThan(seen.indexOf('[cooked]'));
  expect(seen.join('')).not.toContain('secret');
});

it('shows what is typed of anything else', async () => {
  const { seen, input, terminal } = watchedTerminal();
  const answer = ask(terminal, 'Name: ');
  input.write('web-1\r');
  expect(await answer).toBe('web-1');
  expect(seen.join('')).toContain('web-1');
});

it.each([
  ['Ctrl-C', '\u0003'],
  ['the end of the input', '\u0004'],
])('gives nothing on %s, and the line ends', async (_, typed) => {
  const { seen, input, terminal } = watchedTerminal();
  const answer = askSecret(terminal, 'Password: ');
  input.write(typed);
  expect(await answer).toBe('');
  expect(seen.at(-1)).toBe('\n');
});
