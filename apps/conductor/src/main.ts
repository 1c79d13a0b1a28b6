import 'reflect-metadata';
import { inspect } from 'node:util';
import { z } from 'zod';
import { parseConductorConfig } from './config.js';
import { createConductor } from './create-conductor.js';
import type { Conductor } from './create-conductor.js';

let conductor: Conductor | null = null;
let stopping = false;

/** What is being done is finished first. Before it has begun, there is nothing to finish. */
const stop = (): void => {
  if (stopping) return;
  stopping = true;
  void (conductor?.close() ?? Promise.resolve()).then(
    () => process.exit(0),
    () => process.exit(1),
  );
};
process.on('SIGTERM', stop);
process.on('SIGINT', stop);

try {
  conductor = await createConductor(parseConductorConfig(process.env));
} catch (error) {
  // A wrong setting is said in words; anything else with all that is known of it.
  process.stderr.write(`conductor: ${error instanceof z.ZodError ? z.prettifyError(error) : inspect(error)}\n`);
  process.exit(1);
}
