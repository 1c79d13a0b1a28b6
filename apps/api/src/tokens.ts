export const CONFIG = Symbol('ApiConfig');
export const LOG = Symbol('Log');
