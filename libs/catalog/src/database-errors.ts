import { ServiceError, ServiceUnavailableError } from '@varve/core';

/** What `pg` says without any code when a connection breaks; there is no other way to tell. */
const LOST = [
  'Connection terminated',
  'Client has encountered a connection error',
  'Client was closed and is not queryable',
];
/** And when the server does not answer. */
const LATE = ['timeout exceeded when trying to connect', 'Query read timeout'];
const NETWORK = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH']);

/** TypeORM wraps what the driver throws. */
const codeOf = (error: unknown): string => {
  const { code, driverError } = (error ?? {}) as { code?: unknown; driverError?: unknown };
  if (typeof code === 'string') return code;
  return driverError ? codeOf(driverError) : '';
};

/** The connection is gone or was refused (also: starting up, shutting down, read-only after a failover). */
export function isConnectionLost(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = codeOf(error);
  if (code.startsWith('08') || code.startsWith('57P') || code === '25006' || NETWORK.has(code)) return true;
  if (error instanceof AggregateError) return error.errors.some(isConnectionLost);
  return LOST.some((text) => error.message.includes(text));
}

/** Serialisation failure or deadlock: the same transaction, made again, works. */
export const isContention = (error: unknown): boolean => ['40001', '40P01'].includes(codeOf(error));

/** Lock, statement or answer took too long, or no resources: not now, and not at once again. */
export const isOverload = (error: unknown): boolean =>
  ['55P03', '57014'].includes(codeOf(error)) ||
  codeOf(error).startsWith('53') ||
  (error instanceof Error && LATE.some((text) => error.message.includes(text)));

/** A database's error as one of ours, where it is one that callers can act on. */
export function asServiceError(error: unknown): unknown {
  if (error instanceof ServiceError) return error;
  return isConnectionLost(error) || isContention(error) || isOverload(error) ? unavailable(error) : error;
}

export const unavailable = (cause: unknown): ServiceUnavailableError =>
  new ServiceUnavailableError('The catalog is not available; try again', {}, { cause });
