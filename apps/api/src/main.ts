import 'reflect-metadata';
import { parseApiConfig } from './config.js';
import { createApi } from './create-api.js';
import type { Api } from './create-api.js';

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

api = await createApi(parseApiConfig(process.env));
