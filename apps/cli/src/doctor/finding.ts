import type { HostSettings } from './host-settings.js';

/** `skip`: it could not be looked at, because of something else that has its own finding or wasn't asked for. */
export type Status = 'ok' | 'warn' | 'fail' | 'skip';

/** One thing that was looked at. */
export interface Finding {
  readonly check: string;
  readonly status: Status;
  readonly found: string;
  /** What to do about it; `null` where nothing has to be done. */
  readonly advice: string | null;
}

/** Looks at the host. Changes nothing that stays. An error it throws is a failure of what it looked at. */
export interface Check {
  readonly name: string;
  run(settings: HostSettings): Promise<Finding[]>;
}

type Told = Omit<Finding, 'check' | 'status'>;

export const ok = (check: string, found: string): Finding => ({ check, status: 'ok', found, advice: null });
export const skip = (check: string, found: string): Finding => ({ check, status: 'skip', found, advice: null });
export const warn = (check: string, { found, advice }: Told): Finding => ({ check, status: 'warn', found, advice });
export const fail = (check: string, { found, advice }: Told): Finding => ({ check, status: 'fail', found, advice });

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The system's own name of an error, e.g. `ENOENT`; of the first of its causes that has one. */
export function codeOf(error: unknown): string | null {
  for (let one = error, depth = 0; one instanceof Error && depth < 5; one = one.cause, depth++) {
    if ('code' in one && typeof one.code === 'string') return one.code;
  }
  return null;
}
