/** Of this software; goes into heartbeats. */
export const VERSION = '0.1.0';
