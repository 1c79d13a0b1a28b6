import 'reflect-metadata';
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { z } from 'zod';
import { parseApiConfig } from './config.js';
import { createApi } from './create-api.js';
import type { Api } from './create-api.js';

/** Built beside us. The bundler would write the source's place for `import.meta`. */
const beside = (folder: string): string => join(realpathSync(process.argv[1] ?? '.'), '../..', folder);

let api: Api | null = null;
let stopping = false;

/** What is being done is finished first. Before it has begun, there is nothing to finish. */
const stop = (): void => {
  if (stopping) return;
  stopping = true;
  void (api?.close() ?? Promise.resolve()).then(
    () => process.exit(0),
    () => process.exit(1),
  );
};
process.on('SIGTERM', stop);
process.on('SIGINT', stop);

try {
  api = await createApi(parseApiConfig(process.env), { dashboardDir: beside('dashboard'), docsDir: beside('../docs') });
} catch (error) {
  // A wrong setting is said in words; anything else with all that is known of it.
  process.stderr.write(`api: ${error instanceof z.ZodError ? z.prettifyError(error) : inspect(error)}\n`);
  process.exit(1);
}
