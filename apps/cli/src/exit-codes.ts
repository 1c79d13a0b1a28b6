import { ApiError } from '@varve/api-client';
import type { OperationView } from '@varve/contracts';
import { ConflictError, NotFoundError, OperationRunningError, ReportedError } from '@varve/core';
import { CommanderError } from 'commander';

/** Part of the command's interface: scripts decide by them. They never change their meaning. */
export const ExitCode = {
  ok: 0,
  /** The operation was carried out and failed or was cancelled; or the API or this program is broken. */
  failed: 1,
  /** The command line, or what it asks for, makes no sense; or it says neither where nor as whom. */
  usage: 2,
  notFound: 3,
  /** Something else is running on the instance, or its state does not allow it. */
  conflict: 4,
  /** A token or a login that does not count (any more), or whose role isn't enough. */
  denied: 5,
  /** The API, or something behind it, is away: try again later. */
  unavailable: 6,
  /** Ctrl-C. */
  interrupted: 130,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** What they mean, for people. */
export const EXIT_CODES: readonly (readonly [code: ExitCode, meaning: string])[] = [
  [ExitCode.ok, 'it worked'],
  [ExitCode.failed, 'the operation failed or was cancelled, or something is broken'],
  [ExitCode.usage, 'wrong usage, or no address or token given'],
  [ExitCode.notFound, 'there is no such instance, snapshot, rollback or operation'],
  [ExitCode.conflict, 'conflict: another operation is running, or the state does not allow it'],
  [ExitCode.denied, 'the token or the login is wrong or has ended, or its role is not enough'],
  [ExitCode.unavailable, 'the service is not available; try again later'],
  [ExitCode.interrupted, 'interrupted; what was asked for goes on'],
];

export const EXIT_CODES_HELP = `
Exit codes:
${EXIT_CODES.map(([code, meaning]) => `  ${String(code).padEnd(3)}  ${meaning}`).join('\n')}`;

/** The command line, or an answer that the user typed, can't be carried out. */
export class UsageError extends Error {}

/** What was asked for has ended, but not as it was asked for. */
export class OperationEndedBadlyError extends Error {
  /** @param operation - where it was one of the API's */
  constructor(
    message: string,
    readonly operation: Pick<OperationView, 'id' | 'problem'> | null = null,
  ) {
    super(message);
  }
}

/** Ctrl-C. */
export class InterruptedError extends Error {}

/** What the API would have refused with, said before anybody is asked to confirm. */
const SAID_BEFORE = [ReportedError, ConflictError, OperationRunningError];

export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof InterruptedError) return ExitCode.interrupted;
  if (error instanceof UsageError || error instanceof CommanderError) return ExitCode.usage;
  if (error instanceof NotFoundError) return ExitCode.notFound;
  if (SAID_BEFORE.some((refusal) => error instanceof refusal)) return ExitCode.conflict;
  if (!(error instanceof ApiError)) return ExitCode.failed;
  switch (error.status) {
    case 400:
    case 422:
      return ExitCode.usage;
    case 401:
    case 403:
      return ExitCode.denied;
    case 404:
      return ExitCode.notFound;
    case 409:
      return ExitCode.conflict;
    case 0:
    case 429:
    case 502:
    case 503:
    case 504:
      return ExitCode.unavailable;
    default:
      return ExitCode.failed;
  }
}
