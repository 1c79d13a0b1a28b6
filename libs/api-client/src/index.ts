export { ApiError } from './api-error.js';
export { VarveClient } from './client.js';
export type { LiveEvent, LiveOptions } from './live.js';
export { toArray } from './paging.js';
export type { TransportOptions as ClientOptions } from './transport.js';
export { isFinished, type WatchOptions } from './watch.js';
