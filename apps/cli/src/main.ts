import process from 'node:process';
import { InterruptedError } from './exit-codes.js';
import { run } from './program.js';

const interrupted = new AbortController();
// A second Ctrl-C ends the process as usual.
process.once('SIGINT', () => interrupted.abort(new InterruptedError('Interrupted')));

// `varve … | head` is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.exitCode = await run(process.argv.slice(2), {
  terminal: { out: process.stdout, err: process.stderr, in: process.stdin },
  env: process.env,
  signal: interrupted.signal,
});
