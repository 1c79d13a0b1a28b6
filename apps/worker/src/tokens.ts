/** What the worker's module makes and nothing else offers a token for. */
export const CONFIG = Symbol('WorkerConfig');
export const LOG = Symbol('Log');
export const BROKER = Symbol('Broker');
/** Aborted once, when the worker is asked to stop. */
export const SHUTDOWN = Symbol('Shutdown');
