/** Of this software; told to everybody. */
export const VERSION = '0.1.0';
