/** Whose place the doctor knows how to look at. */
export const PROCESSES = ['worker', 'conductor', 'api'] as const;
export type ProcessName = (typeof PROCESSES)[number];
