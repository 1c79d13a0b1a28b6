export const CONFIG = Symbol('ConductorConfig');
export const LOG = Symbol('Log');
